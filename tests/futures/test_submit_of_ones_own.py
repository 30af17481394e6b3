"""Who gives an executor a `submit` of his own sees what `map` does pass by: tqdm's `process_map` counts like that."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from procession import ProcessPoolExecutor
from tests.pool import functions as work

pytestmark = pytest.mark.limit(60)


@pytest.mark.parametrize(("chunksize", "seen"), [(1, 10), (4, 3)])
def test_map_goes_through_it(chunksize: int, seen: int) -> None:
    passed: list[Future[Any]] = []

    class Executor(ProcessPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            passed.append(super().submit(fn, *args, **kwargs))
            return passed[-1]

    with Executor(2) as executor:
        assert list(executor.map(work.square, range(10), chunksize=chunksize)) == [n * n for n in range(10)]
    assert len(passed) == seen and all(future.done() for future in passed)


def test_map_goes_through_one_that_is_put_in_its_place() -> None:
    passed = 0
    with ProcessPoolExecutor(2) as executor:
        theirs = executor.submit

        def submit(*args: Any, **kwargs: Any) -> Future[Any]:
            nonlocal passed
            passed += 1
            return theirs(*args, **kwargs)

        executor.submit = submit  # type: ignore[method-assign]
        assert list(executor.map(work.add, range(10), range(10))) == [2 * n for n in range(10)]
    assert passed == 10
