"""A run at work: items that are cancelled by their keys, a stop that is felt at once, results that were taken away."""

from __future__ import annotations

import time
from pathlib import Path

import procession
from procession.runs.live import LiveRun
from tests.runs.work import double, large, ran


def stay(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_an_item_is_cancelled_by_its_key_and_left_for_the_next_session(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    items = [60.0, 0.0, 0.01]
    with LiveRun(path, stay, items, options={"processes": 2}) as live:
        told = []
        for each in live:
            told.append(each.outcome.item)
            if each.outcome.item == 0.0:
                assert live.cancel(live.key_of(60.0))
                assert not live.cancel(live.key_of(0.0)), "it has ended"
                assert not live.cancel(live.key_of(7.0)), "there is no such item"
        assert sorted(told) == [0.0, 0.01]
        assert live.counts.not_run == 1
    with procession.Run.open(path) as run:
        assert (run.counts.done, run.counts.failed, run.counts.left) == (2, 0, 1)


def test_what_was_asked_to_stop_begins_nothing_more(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("RAN", str(tmp_path))
    with LiveRun(tmp_path / "run.db", double, iter(range(10**9)), options={"processes": 2}) as live:
        next(live)
        live.stop()
        rest = list(live)
    assert len(ran(tmp_path)) == len(rest) + 1 + live.counts.replayed


def test_an_item_whose_large_result_was_taken_away_is_run_again(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "run.db"
    monkeypatch.setenv("RAN", str(tmp_path))
    procession.run(large, range(3), journal=path, backend="serial").close()
    assert len(ran(tmp_path)) == 3
    first, *_ = sorted((tmp_path / "run.db.d").iterdir())
    first.unlink()
    with procession.run(large, range(3), journal=path, backend="serial") as run:
        assert [result for _, result in run.results()] == [large(number) for number in range(3)]
        assert len(ran(tmp_path)) == 1 + 3  # and those that were made here to compare
