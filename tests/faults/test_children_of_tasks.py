"""A task that forks: its child never speaks for the worker, and ends as a child does."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import sys

import pytest

import procession

pytestmark = pytest.mark.limit(30)


def status_of_child(how: str) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if how == "raises":
        raise ValueError("raised in the child")
    if how == "exits with a text":
        sys.exit("said by the child")
    if how == "exits with a number":
        sys.exit(300)
    return 17


def test_child_that_leaves_the_task_ends_with_the_status_that_python_gives(capfd: pytest.CaptureFixture[str]) -> None:
    with procession.Pool(1) as pool:
        got = pool.map(status_of_child, ["returns", "raises", "exits with a text", "exits with a number"] * 3)
    assert got == [0, 1, 1, 300 & 0xFF] * 3
    told = capfd.readouterr().err
    assert told.count("ValueError: raised in the child\n") == 3
    assert told.count("said by the child\n") == 3


def fork_behind_python(item: int) -> int:
    child = ctypes.CDLL(None).fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    faulthandler.disable()
    return 1000 + item


def test_child_that_c_code_has_forked_never_speaks_for_its_worker() -> None:
    with procession.Pool(1) as pool:
        for chunksize in (None, 1, 5):
            got = pool.map(fork_behind_python, range(5), chunksize)
            assert all(each in (0, -11, -7) for each in got), got
        assert pool.map(abs, [-1, -2]) == [1, 2]
