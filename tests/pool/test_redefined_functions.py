"""A function that is defined again, as in a notebook, is the one that runs from then on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.helpers.scripts import Finished

pytestmark = pytest.mark.limit(60)


@pytest.mark.short
def test_name_bound_to_another_function_runs_that(run_script: Callable[..., Finished], start_method: str) -> None:
    done = run_script(
        """
        # no guard: a main module that is run again has the functions of then
        import functools, sys
        import procession

        class Scale:
            factor = 2
            def apply(self, n):
                return n * self.factor

        def work(n):
            return n + offset

        method = None if sys.argv[1] == "None" else sys.argv[1]
        with procession.Pool(2, context=method) as pool:
            def show():
                calls = work, functools.partial(work), Scale().apply, Scale
                print(*(pool.map(each, [1, 2, 3, 4]) for each in calls[:3]))
                print(pool.apply(work, (5,)), pool.submit(work, 6).result(), type(pool.map(Scale.apply, [])))

            offset = 100
            show()
            offset = 200
            show()

            def work(n):
                return -n

            class Scale:
                def apply(self, n):
                    return n * 10

            show()
            pool.close()
            pool.join()
        """,
        arguments=[str(start_method)],
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[::2] == [
        "[101, 102, 103, 104] [101, 102, 103, 104] [2, 4, 6, 8]",
        "[201, 202, 203, 204] [201, 202, 203, 204] [2, 4, 6, 8]",
        "[-1, -2, -3, -4] [-1, -2, -3, -4] [10, 20, 30, 40]",
    ]
    assert [line.split()[:2] for line in done.stdout.splitlines()[1::2]] == [
        ["105", "106"],
        ["205", "206"],
        ["-5", "-6"],
    ]
