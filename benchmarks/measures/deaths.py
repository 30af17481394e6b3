"""What a killed worker costs: the next result, full strength, the fate of its item; and the death of idle workers."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from benchmarks import meeting, tasks
from benchmarks.cell import WORKERS, Cell, WrongResult
from benchmarks.peers import Peer

ANSWER_SECONDS = 3.0  # an item that has no answer by then is "never answered"


def busy_worker(cell: Cell) -> None:
    """Kill the worker that runs an item, while the other one is idle."""
    for _ in range(cell.pick(5, 1)):
        _fate_of_the_item(cell)
    try:
        for _ in range(cell.pick(5, 1)):
            _next_result_and_strength(cell)
    except meeting.NotAllCame as error:
        cell.note(strength=f"never full again: {error}")
        cell.check(not cell.peer.startswith("procession"), str(error))


def _next_result_and_strength(cell: Cell) -> None:
    with cell.folder() as folder, meeting.place(folder), cell.pool() as pool:
        meeting.hold(pool, WORKERS, folder)
        _, killed = _kill_a_busy_one(pool, folder)
        try:
            answered, full = _call_and_meet(cell, pool, folder)
            cell.note(other_workers="went on")
        except (WrongResult, meeting.NotAllCame):
            raise
        except Exception as error:
            cell.note(other_workers=f"all lost ({type(error).__name__}), figures with a new pool")
            pool.close()
            pool.open(WORKERS)
            answered, full = _call_and_meet(cell, pool, folder)
        cell.report(next_result_ms=(answered - killed) * 1e3, full_strength_ms=(full - killed) * 1e3)


def _call_and_meet(cell: Cell, pool: Peer, folder: Path) -> tuple[float, float]:
    cell.check(pool.call(tasks.increment, 1) == 2, "the call after the death")
    answered = time.perf_counter()
    _, full = meeting.hold(pool, WORKERS, folder, timeout=cell.pick(10.0, 2.0))
    return answered, full


def _fate_of_the_item(cell: Cell) -> None:
    with cell.folder() as folder, meeting.place(folder), cell.pool() as pool:
        meeting.hold(pool, WORKERS, folder)
        handle, killed = _kill_a_busy_one(pool, folder)
        patience = cell.pick(ANSWER_SECONDS, 1.0)
        try:
            pool.result(handle, patience)
        except Exception as error:
            waited = time.perf_counter() - killed
            never = waited >= patience
            cell.note(fate="never answered" if never else f"answered: {type(error).__name__}")
            if not never:
                cell.report(item_answered_ms=waited * 1e3)
        else:
            cell.check(False, "the item of a killed worker has a result")


def _kill_a_busy_one(pool: Peer, folder: Path) -> tuple[object, float]:
    path = folder / "busy"
    handle = pool.later(tasks.tell_and_nap, str(path))
    while not path.exists():
        time.sleep(0.001)
    time.sleep(0.05)  # all that belongs to sending the item is over
    killed = time.perf_counter()
    os.kill(int(path.read_text()), signal.SIGKILL)
    return handle, killed


def idle_workers(cell: Cell) -> None:
    """Kill each idle worker in turn; after each, a call, a map and a meeting of all."""
    for _ in range(cell.pick(5, 1)):
        with cell.folder() as folder, meeting.place(folder), cell.pool() as pool:
            pids, _ = meeting.hold(pool, WORKERS, folder)
            try:
                for pid in pids:
                    _kill_an_idle_one(cell, pool, pid)
                    meeting.hold(pool, WORKERS, folder)
            except (WrongResult, meeting.NotAllCame):
                raise
            except Exception as error:
                cell.note(idle_death=f"all lost: {type(error).__name__}")
                return
    cell.note(idle_death="not noticed")


def _kill_an_idle_one(cell: Cell, pool: Peer, pid: int) -> None:
    time.sleep(0.1)
    killed = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    cell.check(pool.call(tasks.increment, 1) == 2, "the call after an idle one's death")
    cell.report(next_result_ms=(time.perf_counter() - killed) * 1e3)
    cell.check(pool.map(tasks.increment, range(100)) == list(range(1, 101)), "the map after it")
