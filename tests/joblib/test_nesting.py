"""`Parallel` inside of tasks, threads and daemonic processes."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

import pytest
from joblib import Parallel, delayed

import procession.joblib
from tests.joblib import functions as work

pytestmark = pytest.mark.limit(60)


def outer(*arguments: Any) -> Any:
    return Parallel(n_jobs=2, backend="procession")(delayed(work.nested)(*arguments) for _ in range(3))


@pytest.mark.short
def test_inner_calls_are_threads_of_the_worker() -> None:
    for pid, inner in outer(None):
        assert pid != os.getpid()
        assert {where[0] for where in inner} == {pid}
    for pid, inner in outer(None, 2):  # and below those, in line
        for where, innermost in inner:
            assert where == pid and len({thread for _, thread in innermost}) == 1


def test_inner_calls_on_this_backend_have_processes_of_their_own_down_to_a_limit() -> None:
    for pid, inner in outer("procession"):
        assert pid not in {where[0] for where in inner}
    for _, inner in outer("procession", 2):
        for where, innermost in inner:
            assert {each[0] for each in innermost} == {where}


def daemonic() -> tuple[int, list[int]]:
    assert multiprocessing.current_process().daemon
    pids = Parallel(n_jobs=2, backend="procession")(delayed(work.pid)() for _ in range(4))
    procession.joblib.close()
    return os.getpid(), pids


def test_daemonic_process_may_have_workers() -> None:
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        pid, pids = pool.apply(daemonic)
        pool.close()
        pool.join()
    assert pid not in pids


def test_forked_child_leaves_the_kept_workers_to_its_parent() -> None:
    def pids() -> set[int]:
        return set(Parallel(n_jobs=2, backend="procession")(delayed(work.pid)() for _ in range(10)))

    ours = pids()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writer, repr(sorted(pids())).encode())
            procession.joblib.close()
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        theirs = file.read().decode()
    os.waitpid(child, 0)
    assert theirs and not {str(pid) for pid in ours} & set(theirs.strip("[]").split(", "))
    assert pids() & ours or pids()
