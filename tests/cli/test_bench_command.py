"""`procession bench`, and what its trials speak for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from procession.cli import trials
from procession.cli.trials import Advice, Setting, Trial
from tests.cli.conftest import Run

pytestmark = pytest.mark.limit(60)


def advice(workers: dict[int, float | None], **others: float) -> Advice:
    """What is advised where 4 is the default number of workers."""
    made = [Trial(Setting("workers", count), 0.1, rate, 9, 0, None, 0.1) for count, rate in workers.items()]
    for name, value in others.items():
        kind, _, what = name.partition("_")
        if kind == "batch":
            made.append(Trial(Setting("batch", 4, int(what)), 0.1, value, 9, 0, None, 0.1))
        elif kind == "start":
            made.append(Trial(Setting("start", 4, method=what), value, None, 1, 0, None, 0.1))
        else:
            made.append(Trial(Setting("backend", 4, method=None, backend="threads"), 0.1, value, 9, 0, None, 0.1))
    return trials.advise(made, 4)


USUAL = {1: 100.0, 2: 200.0, 4: 400.0, 8: 410.0}


@pytest.mark.parametrize(
    ("workers", "others", "expected"),
    [
        (USUAL, {}, Advice(4, None, "nursery", "processes")),
        ({1: 100.0, 2: 190.0, 4: 200.0, 8: 200.0}, {}, Advice(2, None, "nursery", "processes")),
        ({1: 100.0, 2: 200.0, 4: 400.0, 8: 800.0}, {}, Advice(8, None, "nursery", "processes")),
        (USUAL, {"batch_10": 430.0, "batch_100": 440.0}, Advice(4, None, "nursery", "processes")),
        (USUAL, {"batch_10": 600.0, "batch_100": 500.0}, Advice(4, 10, "nursery", "processes")),
        (USUAL, {"start_nursery": 0.11, "start_fork": 0.02}, Advice(4, None, "nursery", "processes")),
        (USUAL, {"start_nursery": 2.1, "start_fork": 0.02}, Advice(4, None, "fork", "processes")),
        (USUAL, {"start_fork": 0.02, "start_spawn": 0.3}, Advice(4, None, "fork", "processes")),
        (USUAL, {"threads": 500.0}, Advice(4, None, "nursery", "threads")),
        ({1: None, 2: None, 4: None, 8: None}, {}, Advice(4, None, "nursery", "processes")),
    ],
)
def test_advice(workers: dict[int, float | None], others: dict[str, float], expected: Advice) -> None:
    assert advice(workers, **others) == expected


def test_what_is_tried_for_one_cpu_and_for_six() -> None:
    assert [each.workers for each in trials.settings(1) if each.kind == "workers"] == [1, 2]
    assert [each.workers for each in trials.settings(6) if each.kind == "workers"] == [1, 2, 4, 6, 12]


def test_table(run: Run) -> None:
    finished = run("bench", "--seconds", "2", "-j", "2", "-e", "lambda line: time.sleep(0.01)", "a", "b")
    assert finished.returncode == 0 and finished.stderr == ""
    lines = finished.stdout.splitlines()
    assert lines[0].startswith("an item takes 1") and lines[0].endswith(" ms")
    names = ("1 worker ", "2 workers (default) ", "4 workers ", "batches of 10 ", "threads ", "start method spawn ")
    assert all(any(line.startswith(name) for line in lines) for name in names)
    assert lines[-1].startswith("best here: ") and lines[-2] == ""


def test_items_that_wait_want_more_workers(run: Run) -> None:
    found = json.loads(
        run("bench", "--json", "--seconds", "4", "-j1", "-e", "lambda line: time.sleep(0.02)", "a").stdout
    )
    assert found["best"]["workers"] == 2 and found["item_seconds"] >= 0.02
    assert 0 < found["overhead_seconds"] < found["overhead_seconds_singly"] < 0.02
    assert found["inputs"] == 1 and {row["kind"] for row in found["trials"]} >= {"workers", "batch", "start"}


def test_time_is_bounded_whatever_the_function_does(run: Run) -> None:
    began = time.monotonic()
    finished = run("bench", "--seconds", "1", "-e", "lambda line: time.sleep(1000)", "a")
    assert time.monotonic() - began < 30
    assert finished.returncode == 0 and finished.stdout.startswith("no item ended in time")


def test_failed_items_are_told(run: Run) -> None:
    finished = run("bench", "--seconds", "1", "-e", "int", "x", "1")
    assert finished.returncode == 1 and "items failed, the first by ValueError: invalid literal" in finished.stdout


def test_an_endless_input(run: Run, tmp_path: Path) -> None:
    assert run("bench", "--seconds", "1", "--json", "-0", "-e", "len", "-a", "/dev/zero").returncode == 0


def test_prints_do_not_stand_in_the_table(run: Run) -> None:
    finished = run("bench", "--seconds", "1", "-e", "lambda line: print('said')", "x")
    assert "said" not in finished.stdout and "said" in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Missing argument 'TARGET'"),
        (("builtins:nothing", "x"), "nothing"),
        (("builtins:len", "-a", "nowhere"), "cannot be read"),
        (("builtins:len", "-a", "/dev/null"), "there are none"),
        (("builtins:len", "--seconds", "0", "x"), "--seconds"),
    ],
)
def test_refused(refused: Callable[..., str], arguments: tuple[str, ...], says: str) -> None:
    assert says in refused("bench", *arguments)
