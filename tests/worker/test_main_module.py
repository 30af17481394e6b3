"""The main module of a worker has one namespace, also where it was run once more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.helpers.scripts import Finished

pytestmark = pytest.mark.limit(60)


@pytest.mark.short
def test_global_of_the_initializer_is_seen_by_every_function(
    run_script: Callable[..., Finished], start_method: str | None
) -> None:
    done = run_script(
        """
        import sys
        import procession

        state = None

        def begin(value):
            global state
            state = value

        def read(_):
            return state

        if __name__ == "__main__":
            method = None if sys.argv[1] == "None" else sys.argv[1]
            with procession.Pool(2, begin, (5,), context=method) as pool:
                print(pool.map(read, range(2)), pool.map(lambda _: state, range(2)))
                pool.close()
                pool.join()
        """,
        arguments=[str(start_method)],
    )
    assert done.stdout == "[5, 5] [5, 5]\n" and not done.stderr


def test_name_that_is_bound_later_reaches_functions_of_the_file(
    run_script: Callable[..., Finished], start_method: str | None
) -> None:
    done = run_script(
        """
        import sys
        import procession

        factor = 2

        def work(n):
            return n * factor + offset

        if __name__ == "__main__":
            method = None if sys.argv[1] == "None" else sys.argv[1]
            with procession.Pool(2, context=method) as pool:
                offset = 100
                print(pool.map(work, range(3)))
                factor, offset = 3, 200
                print(pool.map(work, range(3)))
                pool.close()
                pool.join()
        """,
        arguments=[str(start_method)],
    )
    assert done.stdout == "[100, 102, 104]\n[200, 203, 206]\n" and not done.stderr
