"""What a run costs does not grow with its length."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import procession
from procession.runs.live import LiveRun
from tests.helpers.scripts import Finished

MEMORY = """
    import resource, sys
    from procession.runs.live import LiveRun

    def double(number):
        return number * 2

    with LiveRun("run.db", double, iter(range(int(sys.argv[1]))), ordered=True, options={"processes": 2}) as live:
        for each in live:
            pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_items(run_script: Callable[..., Finished], tmp_path: Path) -> None:
    peaks = []
    for count in (30_000, 130_000, 130_000):  # the last one replays them all
        done = run_script(MEMORY, arguments=[str(count)], timeout=100)
        assert done.returncode == 0, done.stderr
        peaks.append(int(re.sub(r"\D", "", done.stdout)))
        if count == 30_000:
            (tmp_path / "run.db").unlink()
    assert max(peaks) < peaks[0] + 40_000, f"KB: {peaks}"  # 100,000 outcomes kept in memory would be 70 MB


def test_listing_failures_looks_at_failures_only(tmp_path: Path) -> None:
    path = tmp_path / "run.db"

    def fails(number: int) -> int:
        return 1 // (number % 1000)

    with LiveRun(path, fails, range(50_000), options={"processes": 2}) as live:
        for _ in live:
            pass
    with procession.Run.open(path) as run:
        began = perf_counter()
        assert len(list(run.failures())) == 50 and run.counts.failed == 50
        listing = perf_counter() - began
        began = perf_counter()
        assert sum(1 for _ in run.table()) == 50_000
        everything = perf_counter() - began
    assert listing < everything / 3
    connection = sqlite3.connect(path)
    query = "SELECT number FROM items i WHERE i.state = 2 AND i.gone = 0"
    plan = str(connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall())
    connection.close()
    assert "failed_items" in plan


def test_first_result_comes_long_before_the_input_ends(tmp_path: Path) -> None:
    read = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            read.append(number)
            yield number
            number += 1

    with LiveRun(tmp_path / "run.db", abs, endless(), ordered=True, options={"processes": 1}) as live:
        assert [next(live).outcome.value for _ in range(3)] == [0, 1, 2]
        assert len(read) < 100_000
