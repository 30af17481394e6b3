"""An idle pool: wake-ups, CPU time, and the memory of all its processes together."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from benchmarks import processes
from benchmarks.cell import Cell

SETTLE_SECONDS = 1.0  # what the last call left to do is done by then


def idle_pool(cell: Cell) -> None:
    """Watch a pool of two that has nothing to do, from another process."""
    mark = f"{os.environ.get(processes.MARK, 'alone')}-idle"
    script = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.idle_pool", cell.peer],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, processes.MARK: mark},
    )
    assert script.stdin is not None and script.stdout is not None
    try:
        cell.check(script.stdout.readline() == b"idle\n", "the idle script did not start")
        time.sleep(cell.pick(SETTLE_SECONDS, 0.1))
        _watch(cell, mark, seconds=cell.pick(10.0, 0.2))
        script.stdin.close()
        cell.check(script.wait(20) == 0, "the idle script failed")
    finally:
        processes.kill_marked(mark, grace=2.0)


def _watch(cell: Cell, mark: str, seconds: float) -> None:
    pids = processes.marked(mark)
    switches, cpu = processes.wake_ups(pids)
    time.sleep(seconds)
    later_switches, later_cpu = processes.wake_ups(pids)
    cell.report(
        wake_ups_per_second=(later_switches - switches) / seconds,
        cpu_ms_per_second=(later_cpu - cpu) * 1e3 / seconds,
        memory_mb=processes.proportional_memory(pids) / 1e6,
        processes=len(pids),
    )
