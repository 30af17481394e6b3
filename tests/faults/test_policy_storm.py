"""Workers and their nursery are killed at random moments while calls keep to their policies: every item is told of.

`PROCESSION_STORM=300` makes so many runs of it; each names its seed when it fails.
"""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import procession
from procession import Outcome, Pool, WorkerDied
from procession.model.stops import Halted, NotRun, SoftTimeLimitExceeded, TimeLimitExceeded
from tests.helpers import processes
from tests.pool import limited

RUNS = int(os.environ.get("PROCESSION_STORM", 12))
ITEMS = 60
KNOWN = (WorkerDied, ValueError, TimeLimitExceeded, SoftTimeLimitExceeded, NotRun)

pytestmark = pytest.mark.limit(60)

CHOICES: dict[str, list[Any]] = {
    "time_limit": [None, 0.05, 0.3],
    "soft_time_limit": [None, 0.02],
    "retries": [0, 2],
    "retry_deaths": [0, 1, 5],
    "backoff": [0, 0.005],
    "halt": [None, None, "soon,fail=20", "now,fail=30%"],
    "max_errors": [None, None, 10],
    "max_per_second": [None, None, 1000],
    "total_time_limit": [None, None, 0.2],
}


def deed(item: tuple[Path, int, str]) -> int:
    """What one item does, noted before."""
    folder, number, kind = item
    count = limited.note(folder, number)
    if kind == "fail":
        raise ValueError(number)
    if kind == "fail once" and count == 1:
        raise ValueError(number)
    if kind == "die":
        os._exit(3)
    if kind == "hang":
        time.sleep(0.5)
    if kind == "spin":
        limited.spin(0.01)
    return number


def strike(rng: random.Random, over: threading.Event) -> None:
    """Kill one of all processes that there are, now and then."""
    while not over.wait(rng.uniform(0.002, 0.06)):
        victims = processes.descendants()
        if victims:
            processes.kill([rng.choice(victims)])


def check(outcomes: list[Outcome[int]], folder: Path, options: dict[str, Any]) -> None:
    """Every item has ended once, as it may end, and was not tried more often than was allowed."""
    assert len({outcome.index for outcome in outcomes}) == len(outcomes)
    for outcome in outcomes:
        assert outcome.error is None or isinstance(outcome.error, KNOWN), outcome
        assert outcome.error is not None or outcome.result == outcome.item[1]
        died = sum(isinstance(attempt.error, WorkerDied) for attempt in outcome.attempts)
        assert died <= options["retry_deaths"] + 1
        assert len(outcome.attempts) - died <= options["retries"] + 1
        assert limited.begun(folder, outcome.item[1]) >= outcome.ok


def place(outcome: Outcome[int]) -> int:
    return outcome.index


@pytest.mark.parametrize("seed", range(RUNS))
def test_every_item_is_told_of_whoever_is_killed(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    options = {name: rng.choice(values) for name, values in CHOICES.items()}
    kinds = ["plain"] * 5 + ["spin", "spin", "fail", "fail once", "die", "hang"]
    items = [(tmp_path, number, rng.choice(kinds)) for number in range(ITEMS)]
    over = threading.Event()
    killer = threading.Thread(target=strike, args=(rng, over))
    found: list[Outcome[int]] = []
    try:
        with Pool(2, context=rng.choice([None, "nursery"])) as pool:
            pool.map(abs, range(4))
            killer.start()
            try:
                if seed % 2:
                    found = pool.map(deed, items, outcomes=True, **options)
                    assert len(found) == ITEMS
                else:
                    for outcome in pool.imap_unordered(deed, items, outcomes=True, **options):
                        found.append(outcome)
                    assert len(found) == ITEMS
            except (Halted, procession.StartFailed, procession.PoolTerminated):
                pass  # a nursery that is killed again and again
            over.set()
            check(sorted(found, key=place), tmp_path, options)
    finally:
        over.set()
        if killer.ident is not None:
            killer.join()
    with Pool(1, context="nursery") as pool:  # who looks for a nursery buries one that was killed
        assert pool.map(abs, [-1]) == [1]
