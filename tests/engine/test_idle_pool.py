"""An idle pool does nothing; its workers may come and go unnoticed."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

import procession
from tests.helpers import processes
from tests.helpers.tasks import nap, nursery_pid, worker_pid
from tests.helpers.wait import wait_until

QUIET_SECONDS = 1.0


def wake_ups(pids: list[int]) -> dict[str, tuple[int, int]]:
    """Context switches of every thread of some processes, but of the thread that asks."""
    found = {}
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            if int(thread) == threading.get_native_id():
                continue
            lines = Path(f"/proc/{pid}/task/{thread}/status").read_text().splitlines()
            values = dict(line.split(":", 1) for line in lines)
            ways = ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")
            found[f"{pid}/{thread}"] = (int(values[ways[0]]), int(values[ways[1]]))
    return found


def is_silent(pids: list[int]) -> bool:
    """See whether nothing happens in some processes for a second; what polls once a second or more never passes."""
    before = wake_ups(pids), [psutil.Process(pid).cpu_times()[:2] for pid in pids[1:]]
    time.sleep(QUIET_SECONDS)  # the length of a silence is what is measured here
    return (wake_ups(pids), [psutil.Process(pid).cpu_times()[:2] for pid in pids[1:]]) == before


def test_an_idle_pool_does_not_wake_up(start_method: str | None) -> None:
    before = set(threading.enumerate())
    with procession.Pool(2, context=start_method) as pool:
        workers = {*pool.map(nap, [0.05, 0.05], chunksize=1)}
        list(pool.imap(abs, range(100)))
        nursery = pool.apply(nursery_pid)
        wait_until(lambda: len(set(threading.enumerate()) - before) == 1, message="one thread of the engine's")
        pids = [os.getpid(), nursery, *workers]
        assert any(is_silent(pids) for _ in range(5))  # what was given back before may still stir somebody once
        if "numpy" not in sys.modules:  # another test's: its library has threads of its own, in forks too
            assert all(len(os.listdir(f"/proc/{pid}/task")) == 1 for pid in pids[1:])


def test_nothing_is_shared_but_private_channels(start_method: str | None) -> None:
    segments = set(os.listdir("/dev/shm"))
    with procession.Pool(2, context=start_method) as pool:
        pids = {*pool.map(nap, [0.05, 0.05], chunksize=1), pool.apply(nursery_pid), os.getpid()}
        pool.map(bytes, [10_000_000] * 2)
        for pid in pids:
            assert not [each for each in psutil.Process(pid).net_connections("all") if each.status == "LISTEN"]
        listening = [
            line for line in Path("/proc/net/unix").read_text().splitlines()[1:] if line.split()[3] == "00010000"
        ]
        ours = {os.readlink(f"/proc/{pid}/fd/{fd}") for pid in pids for fd in descriptors(pid)}
        assert not {f"socket:[{line.split()[6]}]" for line in listening} & ours
        new = [
            name for name in set(os.listdir("/dev/shm")) - segments if name.startswith(("sem.", "psm_", "mp-", "pym-"))
        ]
        assert new == []


def descriptors(pid: int) -> list[str]:
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        found.append(name)
    return found


@pytest.mark.short
def test_killed_idle_workers_are_not_noticed(start_method: str | None) -> None:
    with procession.Pool(3, context=start_method) as pool:
        for _ in range(3):
            wait_until(lambda: len({*pool.map(nap, [0.02] * 6, chunksize=1)}) == 3, message="full strength")
            for pid in {*pool.map(nap, [0.02] * 6, chunksize=1)}:
                os.kill(pid, signal.SIGKILL)
            assert pool.map(abs, range(-100, 0)) == list(range(100, 0, -1))
            assert pool.apply(abs, (-1,)) == 1
            assert list(pool.imap_unordered(abs, [-1])) == [1]


def test_each_idle_worker_in_turn_while_calls_come(tmp_path: Path) -> None:
    with procession.Pool(2) as pool:
        for turn in range(30):
            os.kill(pool.apply(worker_pid), signal.SIGKILL)
            assert pool.apply(abs, (-turn,)) == turn
            assert pool.submit(abs, -turn).result() == turn


def test_stopped_idle_worker_is_replaced_when_it_is_killed() -> None:
    with procession.Pool(1) as pool:
        pid = pool.apply(worker_pid)
        os.kill(pid, signal.SIGSTOP)
        result = pool.apply_async(worker_pid)
        with pytest.raises(procession.TimeoutError):
            result.get(0.1)
        os.kill(pid, signal.SIGKILL)
        assert result.get() != pid  # it had not begun


# Workers with a quota.


@pytest.mark.parametrize("quota", [1, 3])
def test_maxtasksperchild(start_method: str | None, quota: int) -> None:
    with procession.Pool(2, maxtasksperchild=quota, context=start_method) as pool:
        pids = pool.map(worker_pid, range(12), chunksize=1)
        assert len(pids) == 12
        assert max(pids.count(pid) for pid in pids) <= quota
        assert pool.apply(abs, (-1,)) == 1
        assert list(pool.imap(abs, range(10))) == list(range(10))


def test_close_and_join_with_a_quota_of_one(start_method: str | None) -> None:
    pool = procession.Pool(3, maxtasksperchild=1, context=start_method)
    results = [pool.apply_async(worker_pid) for _ in range(6)]
    pool.close()
    pool.join()
    assert len({result.get() for result in results}) == 6


def test_a_quota_s_successors_are_at_full_strength() -> None:
    with procession.Pool(2, maxtasksperchild=1) as pool:
        for _ in range(50):
            assert pool.apply(abs, (-1,)) == 1
        wait_until(lambda: len({*pool.map(nap, [0.05] * 2, chunksize=1)}) == 2)
        assert len(processes.descendants()) < 10
