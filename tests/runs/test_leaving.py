"""What a live run tells of, and records, while its consumer is slower than its reader and its workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import procession
from procession.runs.journal import Found, Journal
from procession.runs.live import LiveRun
from tests.runs.work import double, mark, ran


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAN", str(tmp_path))
    return tmp_path


def wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_places_read_while_the_consumer_is_busy_are_told(folder: Path) -> None:
    procession.run(double, range(5), journal=folder / "run.db", backend="serial").close()
    told_of_first = threading.Event()

    def items() -> Iterator[int]:
        yield 100
        told_of_first.wait(20)
        yield from range(5)  # done earlier
        yield 100  # done in this session

    with LiveRun(folder / "run.db", double, items(), options={"backend": "threads"}) as live:
        places = []
        for each in live:
            if not places:
                told_of_first.set()
                wait_until(lambda: live.counts.read == 7)
            places.append(each.outcome.index)
    assert places == list(range(7))


def test_as_many_places_as_are_noted_at_once_are_told(folder: Path) -> None:
    many = 20_000
    procession.run(double, [1], journal=folder / "run.db", backend="serial").close()
    with LiveRun(folder / "run.db", double, iter([1] * many), options={"backend": "serial"}) as live:
        assert sum(1 for _ in live) == many


def test_what_has_ended_while_the_consumer_was_busy_is_recorded_when_it_leaves(folder: Path) -> None:
    count = 50
    with LiveRun(folder / "run.db", double, range(count), options={"processes": 2}) as live:
        next(live)
        wait_until(lambda: len((folder / "ran").read_text().splitlines()) == count)
        time.sleep(0.2)  # for the last result's way to this process
    with procession.Run.open(folder / "run.db") as run:
        assert run.counts.done == count


def test_leaving_does_not_wait_for_what_runs(folder: Path) -> None:
    began = time.monotonic()
    with LiveRun(folder / "run.db", time.sleep, [0, 60, 60, 60], options={"processes": 2}) as live:
        next(live)
    assert time.monotonic() - began < 30
    with procession.Run.open(folder / "run.db") as run:
        assert run.counts.done == 1


def fails(item: Any) -> Any:
    mark(item)
    time.sleep(0.3)
    raise ValueError(item)


def test_item_that_stands_twice_is_retried_once_even_if_it_ends_while_it_is_looked_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    procession.run(fails, ["a"], journal=folder / "run.db", backend="threads").close()
    assert ran(folder) == ["a"]
    looked_up = 0
    live: LiveRun[Any]

    def find(journal: Journal, keys: Any) -> dict[bytes, Found]:
        nonlocal looked_up
        found = original(journal, keys)
        looked_up += 1
        if looked_up == 2:  # the row of the first session is found, and meanwhile the item ends
            wait_until(lambda: live.counts.failed == 1)
        return found

    original = Journal.find
    monkeypatch.setattr(Journal, "find", find)
    with LiveRun(folder / "run.db", fails, iter(["a", "a"]), retry_failed=True, options={"backend": "threads"}) as live:
        assert sorted(each.outcome.index for each in live) == [0, 1]
    assert ran(folder) == ["a"]


def test_run_may_be_followed_in_another_thread_than_that_which_opened_it(folder: Path) -> None:
    many = 20_000  # places: so many are noted at once
    procession.run(double, [1], journal=folder / "run.db", backend="serial").close()
    told: list[Any] = []
    with LiveRun(folder / "run.db", double, iter([1] * many), options={"backend": "serial"}) as live:
        thread = threading.Thread(target=lambda: told.extend(live), daemon=True)
        thread.start()
        wait_until(lambda: len(told) == many)
        thread.join()
