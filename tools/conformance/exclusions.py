"""The tests of CPython's that procession need not pass, with a reason each.

Two sorts: what looks at private parts of the standard library, and what demands the thing that procession does better.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import futures_exclusions


class Exclusion(NamedTuple):
    """Tests that are not run.

    Args:
        test: A regular expression that the end of their name matches.
        methods: The start methods under which they are left out; empty: all.
        reason: Why.
    """

    test: str
    methods: tuple[str, ...]
    reason: str

    @property
    def name(self) -> str:
        """The class or the test, for readers."""
        return self.test.replace("\\.\\w+", "").replace("\\", "").replace("|", "\\|")

    def covers(self, name: str, method: str) -> bool:
        """True for a test that is left out under a method."""
        return (not self.methods or method in self.methods) and re.search(self.test + "$", name) is not None


EXCLUSIONS = [
    Exclusion(
        r"MiscTestCase\.test__all__", (),
        "forbids names that `multiprocessing` has not; `tests/process/test_namespace.py` shows that none is missing",
    ),
    Exclusion(
        r"_TestImportStar\.\w+", (),
        "lists the files of the folder of `multiprocessing`, Windows' among them, and asks for each by the name of "
        "`multiprocessing`; `tests/process/test_namespace.py` imports the submodules of `procession`",
    ),
    Exclusion(
        r"TestPoolNotLeakOnFailure\.\w+", (),
        "demands that a pool makes its workers by `context.Process(...)`; `tests/pool/test_ends.py` shows that a "
        "worker that cannot start leaves none behind",
    ),
    Exclusion(
        r"TestProcess\.test_parent_process", (),
        "demands of a grandchild that it outlives its parent and reports its death; a process ends with its "
        "parent here (`tests/process/test_orphans.py`, `test_contexts.py`)",
    ),
    Exclusion(
        r"WithThreadsTestPool\.test_terminate", (),
        "waits up to 300 s for a thread that sleeps, in `multiprocessing` as well up to Python 3.12, whose "
        "`ThreadPool` this is",
    ),
    Exclusion(
        r"TestNoForkBomb\.\w+", ("spawn", "forkserver"),
        "demands a RuntimeError from a script without `if __name__ == \"__main__\"`; such scripts work here "
        "(`tests/process/test_main.py`)",
    ),
    Exclusion(
        r"TestStartMethod\.test_mixed_startmethod", ("spawn", "forkserver"),
        "demands an error where a lock made in a fork context goes to a spawned process; it works here "
        "(`tests/shared/test_locks.py`)",
    ),
    Exclusion(
        r"TestResourceTracker\.test_resource_tracker(_sigkill)?", (),
        "demands that a lock has a name that a tracker removes; ours has none, and nothing is left "
        "(`tests/shared/test_locks.py`)",
    ),
    *(Exclusion(*each) for each in futures_exclusions.TABLE),
]  # fmt: skip


def reason(name: str, method: str) -> str | None:
    """Why a test is not run under a method; None if it is."""
    for each in EXCLUSIONS:
        if each.covers(name, method):
            return each.reason
    return None
