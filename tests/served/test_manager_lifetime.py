"""What a manager holds is there as long as anybody refers to it and the manager lives; its process ends with it."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from typing import Any

import psutil
import pytest

import procession
from procession.model.errors import ManagerGone
from procession.served import server
from tests.helpers.scripts import Finished
from tests.helpers.wait import wait_until
from tests.served import managed

METHODS = ("fork", "spawn", "forkserver")
FORK: Any = procession.get_context("fork")


@pytest.mark.parametrize("method", METHODS)
def test_proxy_outlives_the_process_that_put_it_elsewhere(method: str) -> None:
    context: Any = procession.get_context(method)
    with context.Manager() as manager:
        shared, ready = manager.dict(rows=manager.list([1])), manager.Event()
        process = context.Process(target=managed.have_one, args=(shared, "rows", ready))
        process.start()
        assert ready.wait(30)
        mine = shared["mine"]
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        shared.clear()
        mine.append(2)
        assert mine == [1, 2]


@pytest.mark.parametrize("method", METHODS)
def test_proxy_comes_back_as_the_result_of_a_task(method: str) -> None:
    context: Any = procession.get_context(method)
    with context.Manager() as manager:
        with context.Pool(1) as pool:
            held = pool.apply(managed.give, (manager.dict(a=1),))  # nobody else has it
        assert held == {"a": 1}


@pytest.mark.short
def test_what_nobody_refers_to_is_freed() -> None:
    with procession.Manager() as manager:
        held = [manager.list() for _ in range(5)]
        assert manager._number_of_objects() == 5
        del held
        gc.collect()
        assert manager._number_of_objects() == 0 and manager._debug_info() == ""


@pytest.mark.short
def test_what_travels_stays_for_a_while_and_then_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LINGER", 0.2)  # the fork has it, too
    import pickle

    with FORK.Manager() as manager:
        travelling = pickle.dumps(manager.list([1]))
        arrived = pickle.loads(travelling)
        assert arrived == [1]
        del arrived
        wait_until(lambda: manager._debug_info() == "")
        with pytest.raises(procession.managers.RemoteError, match="no object"):
            pickle.loads(travelling)


@pytest.mark.short
def test_proxy_of_a_manager_that_was_shut_down_says_so() -> None:
    manager = procession.Manager()
    held, pid = manager.dict(a=1), manager._process.pid  # type: ignore[attr-defined]
    manager.shutdown()
    with pytest.raises(ManagerGone, match="the manager's process .*has ended"):
        held["a"]
    with pytest.raises(ManagerGone, match="shut down"):
        manager.dict()
    assert not psutil.pid_exists(pid)
    assert issubclass(ManagerGone, ConnectionError) and issubclass(ManagerGone, EOFError)


@pytest.mark.short
def test_proxy_of_a_manager_that_was_killed_says_so() -> None:
    manager = procession.Manager()
    held = manager.dict(a=1)
    process = manager._process  # type: ignore[attr-defined]
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    for _ in range(2):
        with pytest.raises(ManagerGone, match=f"the manager's process {process.pid} at .* has ended"):
            held["a"]
    manager.shutdown()


@pytest.mark.parametrize("method", METHODS)
def test_manager_ends_when_its_parent_is_killed(method: str, run_script: Callable[..., Finished]) -> None:
    ended = run_script(
        f"""
        import os, signal, procession
        if __name__ == "__main__":
            manager = procession.get_context({method!r}).Manager()
            held = manager.dict(a=1)
            print(manager._process.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    wait_until(lambda: not psutil.pid_exists(int(ended.stdout)))


@pytest.mark.short
def test_ctrl_c_does_not_end_a_manager() -> None:
    with procession.Manager() as manager:
        held = manager.dict(a=1)
        os.kill(manager._process.pid, signal.SIGINT)  # type: ignore[attr-defined]
        assert held["a"] == 1


@pytest.mark.short
def test_manager_that_nobody_holds_lives_as_long_as_its_proxy() -> None:
    held = procession.Manager().dict()
    gc.collect()
    held["a"] = 1
    assert held["a"] == 1
    process = held._manager._process
    del held
    gc.collect()
    wait_until(lambda: not process.is_alive())


@pytest.mark.short
def test_fork_by_hand_has_connections_of_its_own() -> None:
    with procession.Manager() as manager:
        held, lock = manager.dict(), manager.Lock()
        with lock:
            pid = os.fork()
            if pid == 0:
                held["child"] = lock.acquire(False)
                os._exit(0)
            os.waitpid(pid, 0)
            assert held["child"] is False and not lock.abandoned
