"""Options for each item, with real workers: limits, retries, stop rules, priorities, a rate."""

from __future__ import annotations

import pickle
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import procession
from procession import Outcome, Pool, WorkerDied
from procession.model.stops import Halted, NotRun, SoftTimeLimitExceeded, TimeLimitExceeded
from tests.helpers import processes
from tests.helpers.wait import wait_until
from tests.pool import functions as work
from tests.pool import limited

pytestmark = pytest.mark.limit(60)


def kinds(outcomes: list[Outcome[Any]]) -> Counter[str]:
    return Counter(type(outcome.error).__name__ for outcome in outcomes)


def test_an_item_over_its_limit_is_ended_and_no_other(start_method: str | None) -> None:
    with Pool(2, context=start_method) as pool:
        outcomes = pool.map(limited.sleep_if_odd, [0, 2, 4, 1, *range(6, 400, 2)], outcomes=True, time_limit=0.3)
        assert pool.map(work.square, range(3)) == [0, 1, 4]
    assert [outcome.index for outcome in outcomes if not outcome.ok] == [3]
    error = outcomes[3].error
    assert isinstance(error, TimeLimitExceeded) and isinstance(error, TimeoutError)
    assert outcomes[3].seconds == error.seconds
    assert error.index == 3 and error.item == "1" and error.limit == 0.3 and error.seconds >= 0.3
    assert error.stack is not None and "sleep_if_odd" in error.stack and "procession/worker" not in error.stack
    assert "sleep_if_odd" in str(error)


@pytest.mark.parametrize("function", [limited.busy_in_c, limited.hash_long])
def test_c_code_that_never_returns_is_ended(pool: Pool, function: Any) -> None:
    begin = time.monotonic()
    outcomes = pool.map(function, [1.0], outcomes=True, time_limit=0.5)
    assert time.monotonic() - begin < 5
    assert isinstance(outcomes[0].error, TimeLimitExceeded)
    assert function.__name__ in str(outcomes[0].error)


def test_what_an_item_has_started_ends_with_it(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(TimeLimitExceeded):
        pool.map(limited.start_child_and_sleep, [tmp_path / "pids"], time_limit=1.0)
    pids = list(map(int, (tmp_path / "pids").read_text().split()))
    wait_until(lambda: not any(map(processes.running, pids)))


def test_a_limit_in_one_call_does_not_wait_for_that_of_another(pool: Pool) -> None:
    pool.map(work.square, range(100), time_limit=10_000)
    assert kinds(pool.map(limited.sleep_if_odd, [0, 1], outcomes=True, time_limit=0.2)) == {
        "NoneType": 1,
        "TimeLimitExceeded": 1,
    }


def test_a_limit_of_a_century_is_a_limit(pool: Pool) -> None:
    assert pool.map(work.square, range(10), time_limit=1e12, total_time_limit=1e12) == [n * n for n in range(10)]


def test_share_of_the_median(pool: Pool) -> None:
    outcomes = pool.map(work.pause, [0.05] * 12 + [60.0] + [0.05] * 4, outcomes=True, time_limit="300%")
    assert [outcome.index for outcome in outcomes if not outcome.ok] == [12]


def test_neighbours_of_about_the_same_length_are_never_charged(pool: Pool) -> None:
    """Items end by themselves near their limit: only those that really took so long are charged."""
    seconds = [0.0012, 0.0018, 0.0002, 0.0021] * 500
    outcomes = pool.map(limited.spin, seconds, outcomes=True, soft_time_limit=0.002, retry_deaths=0)
    for outcome, wanted in zip(outcomes, seconds, strict=True):
        if outcome.error is not None:
            assert isinstance(outcome.error, SoftTimeLimitExceeded) and outcome.error.index == outcome.index
            assert outcome.seconds is not None and outcome.seconds >= 0.0019, (outcome, wanted)


def test_limits_beside_seeds_and_captured_output() -> None:
    with Pool(2, seed=1, capture_output=True) as pool:
        outcomes = pool.map(limited.sleep_if_odd, [0, 1, 2, 4], outcomes=True, time_limit=0.3, retries=1)
    assert kinds(outcomes) == {"NoneType": 3, "TimeLimitExceeded": 1}
    assert len(outcomes[1].attempts) == 2


def test_soft_limit_is_raised_inside(pool: Pool) -> None:
    assert pool.map(caught, [60.0], soft_time_limit=0.2, time_limit=30) == ["tidy"]
    with pytest.raises(SoftTimeLimitExceeded, match="item 1"):
        pool.map(work.pause, [0.0, 60.0], soft_time_limit=0.2)
    outcomes = pool.map(stubborn, [60.0], soft_time_limit=0.2, time_limit=0.6, outcomes=True)
    assert isinstance(outcomes[0].error, TimeLimitExceeded)


def caught(seconds: float) -> str:
    try:
        time.sleep(seconds)
    except SoftTimeLimitExceeded:
        return "tidy"
    return "slept"


def stubborn(seconds: float) -> str:
    try:
        time.sleep(seconds)
    except SoftTimeLimitExceeded:
        time.sleep(seconds)
    return "slept"


async def wait_long(seconds: float) -> str:
    import asyncio

    await asyncio.sleep(seconds)
    return "waited"


async def count_tasks(_: int) -> int:
    import asyncio

    return len(asyncio.all_tasks())


def test_soft_limit_of_a_coroutine_leaves_nothing_on_the_loop() -> None:
    with Pool(1) as pool:
        with pytest.raises(SoftTimeLimitExceeded):
            pool.map(wait_long, [60.0], soft_time_limit=0.2)
        assert pool.map(count_tasks, [1]) == [1]


@pytest.mark.parametrize("kind", [TimeLimitExceeded, SoftTimeLimitExceeded, NotRun, Halted])
def test_errors_travel(kind: Any) -> None:
    facts = {name: name for name in kind.facts} | ({"seconds": 1.0} if "seconds" in kind.facts else {})
    error = kind(**(facts | ({"limit": 2.0} if "limit" in facts else {})))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and str(again) == str(error)
    assert all(getattr(again, name) == getattr(error, name) for name in kind.facts)


# Retries.


@pytest.mark.parametrize("backend", ["processes", "threads", "serial"])
def test_what_fails_is_tried_again(backend: Any, tmp_path: Path) -> None:
    items = [(tmp_path, number, number % 4) for number in range(40)]
    with Pool(2, backend=backend) as pool:
        outcomes = pool.map(limited.fail_times, items, outcomes=True, retries=2, backoff=0.01)
        assert [outcome.ok for outcome in outcomes] == [number % 4 < 3 for number in range(40)]
        assert [len(outcome.attempts) for outcome in outcomes] == [min(3, number % 4 + 1) for number in range(40)]
        with pytest.raises(ValueError, match="attempt 6 of 3") as caught:
            pool.map(limited.fail_times, [(tmp_path, 3, 99)], retries=2)
    first = outcomes[2].attempts[0]
    assert isinstance(first.error, ValueError) and first.seconds is not None and first.worker
    assert [note.split(":")[0] for note in caught.value.__notes__][-2:] == ["attempt 1", "attempt 2"]


@pytest.mark.parametrize(
    ("retry_on", "attempts"),
    [(ValueError, 3), ((KeyError, OSError), 1), (lambda outcome: len(outcome.attempts) < 2, 2), (work.fail, 1)],
)
def test_what_is_worth_it(pool: Pool, retry_on: Any, attempts: int) -> None:
    (outcome,) = pool.map(work.fail, ["x"], outcomes=True, retries=2, retry_on=retry_on)
    assert len(outcome.attempts) == attempts
    if retry_on is work.fail:
        assert any("retry_on= failed" in note for note in outcome.error.__notes__)


def test_a_poison_item_is_tried_alone_and_takes_nobody_along(pool: Pool, tmp_path: Path) -> None:
    items = [(tmp_path, number, {3: 99, 5: 1}.get(number, 0)) for number in range(30)]
    outcomes = pool.map(limited.die_times, items, outcomes=True, retry_deaths=2)
    assert [outcome.index for outcome in outcomes if not outcome.ok] == [3]
    assert [type(attempt.error) for attempt in outcomes[3].attempts] == [WorkerDied] * 3
    assert len(outcomes[5].attempts) == 2
    with pytest.raises(WorkerDied) as caught:
        pool.map(limited.die_times, [(tmp_path, 40, 99)], retry_deaths=1)
    assert any(note.startswith("attempt 1: WorkerDied") for note in caught.value.__notes__)


def test_retries_go_on_after_close(tmp_path: Path) -> None:
    with Pool(2) as pool:
        errors = pool.map_async(limited.fail_times, [(tmp_path, n, 1) for n in range(3)], retries=1, backoff=0.2)
        deaths = pool.map_async(limited.die_times, [(tmp_path, n, 1) for n in range(9, 12)], retry_deaths=1)
        pool.close()
        pool.join()
        assert errors.get(1) == [0, 1, 2] and deaths.get(1) == [9, 10, 11]


# Stopping.


def test_soft_rules_let_end_what_runs(pool: Pool) -> None:
    with pytest.raises(ValueError, match="-1"):
        pool.map(limited.fail_if_negative, [-1] * 3 + [1] * 1000, halt="soon,fail=3")
    outcomes = pool.map(limited.fail_or_pause, [-1.0] + [0.01] * 200, max_errors=0, outcomes=True)
    assert kinds(outcomes)["ValueError"] == 1 and kinds(outcomes)["NotRun"] > 150
    assert all(outcome.attempts == () for outcome in outcomes if isinstance(outcome.error, NotRun))
    with pytest.raises(Halted, match="soon,success=2"):
        pool.map(limited.fail_or_pause, [0.01] * 200, halt="soon,success=2")


def test_hard_rules_end_what_runs(pool: Pool) -> None:
    begin = time.monotonic()
    outcomes = pool.map(limited.fail_or_pause, [60.0, -1.0] + [0.01] * 50, halt="now,fail=1", outcomes=True)
    assert time.monotonic() - begin < 10
    assert isinstance(outcomes[0].error, NotRun) and kinds(outcomes)["ValueError"] == 1
    with pytest.raises(Halted, match="total_time_limit"):
        pool.map(limited.fail_or_pause, [60.0] * 9, total_time_limit=0.3)


def endless(read: list[int], seconds: float) -> Iterator[float]:
    number = 0
    while True:
        read.append(number)
        yield seconds
        number += 1


@pytest.mark.parametrize("now", [False, True])
@pytest.mark.parametrize("chunksize", [None, 7])
def test_all_that_was_read_of_a_stopped_stream_is_told(now: bool, chunksize: int | None) -> None:
    read: list[int] = []
    with procession.stream(
        limited.fail_or_pause, endless(read, 0.002), processes=2, chunksize=chunksize, outcomes=True
    ) as stream:
        found = [next(stream) for _ in range(20)]
        threading.Timer(0.05, stream.stop, (now, "enough")).start()
        found += list(stream)
    assert [outcome.index for outcome in found] == list(range(len(found)))
    assert len(read) - len(found) in (0, 1)  # its feeder may have one in its hands
    for outcome in found:
        assert outcome.error is None or "enough" in str(outcome.error)


def test_stop_in_a_signal_handler() -> None:
    with procession.stream(limited.fail_or_pause, endless([], 0.002), processes=2, outcomes=True) as stream:
        before = signal.signal(signal.SIGALRM, lambda *_: stream.stop())
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            found = list(stream)
        finally:
            signal.signal(signal.SIGALRM, before)
    assert kinds(found).keys() <= {"NoneType", "NotRun"} and len(found) > 2


def test_an_input_that_never_comes_does_not_hold_up_a_stop() -> None:
    def slow() -> Iterator[int]:
        yield 1
        done.wait(30)

    done = threading.Event()
    with procession.stream(work.square, slow(), processes=1) as stream:
        assert next(stream) == 1
        stream.stop()
        assert list(stream) == []
        done.set()


def test_cancel_of_one_item_touches_no_other(tmp_path: Path) -> None:
    items = [(tmp_path, number, number == 5) for number in range(40)]
    with procession.stream(limited.note_and_sleep, items, processes=2, outcomes=True) as stream:
        first = next(stream)
        for index in (0, 5, 30, 39):  # ended, running or about to, waiting, perhaps not read
            stream.cancel(index)
        found = [first, *stream]
    assert [outcome.index for outcome in found if not outcome.ok] == [5, 30, 39]
    assert limited.begun(tmp_path, 39) == 0


def test_cancelled_items_count_for_no_rule() -> None:
    with procession.stream(work.square, range(100), processes=1, outcomes=True, halt="soon,success=60") as stream:
        for index in range(50, 100):
            stream.cancel(index)
        assert kinds(list(stream)) == {"NoneType": 50, "NotRun": 50}


# Order and rate.


def test_the_highest_is_next() -> None:
    with Pool(1) as pool:
        begun = pool.map(limited.time_of_begin, range(50), priority=lambda number: number % 10)
    order = sorted(range(50), key=lambda number: begun[number])
    assert [number % 10 for number in order] == sorted((number % 10 for number in order), reverse=True)


@pytest.mark.parametrize("backend", ["processes", "threads", "serial"])
def test_no_second_has_more_than_was_allowed(backend: Any) -> None:
    with Pool(2, backend=backend) as pool:
        begun = sorted(pool.map(limited.time_of_begin, range(25), max_per_second=50))
    assert begun[-1] - begun[0] >= 0.4


# Bad input.

WRONG = [
    ({"time_limit": value}, ValueError) for value in (0, -1, "5", "100%", "x%", float("nan"), float("inf"), b"3", [1])
] + [
    ({"soft_time_limit": 0}, ValueError),
    ({"soft_time_limit": "5"}, ValueError),
    ({"soft_time_limit": 2, "time_limit": 1}, ValueError),
    ({"total_time_limit": -1}, ValueError),
    ({"retries": -1}, ValueError),
    ({"retries": 1.5}, ValueError),
    ({"retries": ""}, ValueError),
    ({"retry_on": int}, TypeError),
    ({"retry_on": ()}, TypeError),
    ({"retry_on": "ValueError"}, TypeError),
    ({"backoff": -1}, ValueError),
    ({"backoff": ""}, ValueError),
    ({"backoff": float("inf")}, ValueError),
    ({"retry_deaths": "2"}, ValueError),
    *(({"halt": value}, ValueError) for value in ("", "fail=3", "later,fail=1", "soon,fail", "soon,fail=0", 3)),
    *(({"halt": f"soon,fail={value}"}, ValueError) for value in ("inf", "nan", "nan%", "101%", "1.5", "-1")),
    ({"max_errors": -1}, ValueError),
    ({"max_errors": "no"}, ValueError),
    ({"priority": 3}, TypeError),
    ({"max_per_second": 0}, ValueError),
    ({"max_per_second": "fast"}, ValueError),
]


@pytest.mark.parametrize(("options", "kind"), WRONG, ids=lambda value: str(value) if type(value) is dict else "")
def test_bad_options_are_refused_in_one_line(pool: Pool, options: dict[str, Any], kind: type[Exception]) -> None:
    name = next(iter(options))
    untouched = iter([1])
    for call in (pool.map, pool.imap, pool.map_async, procession.map, procession.stream):
        with pytest.raises(kind, match=name) as caught:
            call(work.square, untouched, **options)
        assert "\n" not in str(caught.value)
    assert list(untouched) == [1]


def test_an_unknown_option_is_refused(pool: Pool) -> None:
    for call in (pool.map, pool.imap, pool.map_async, procession.map, procession.stream):
        with pytest.raises(TypeError, match="time_limits"):
            call(work.square, [1], time_limits=3)  # type: ignore[operator]


@pytest.mark.parametrize("options", [{"time_limit": 1}, {"soft_time_limit": 1}, {"halt": "now,fail=1"}])
def test_what_needs_processes_says_so(options: dict[str, Any]) -> None:
    with Pool(1, backend="threads") as pool, pytest.raises(ValueError, match="backend='processes' only"):
        pool.map(work.square, [1], **options)


@pytest.mark.parametrize("value", ["x", float("nan")])
def test_a_priority_that_is_no_number_names_its_item(pool: Pool, value: Any) -> None:
    with pytest.raises(ValueError) as caught:
        pool.map(work.square, [1, 2], priority=lambda number: 1 if number == 1 else value)
    assert "item 1 (2)" in caught.value.__notes__[0]
    with pytest.raises(ValueError) as caught:
        list(pool.imap(work.square, [1, 2], priority=lambda number: 1 if number == 1 else value))
    assert "item 1 (2)" in caught.value.__notes__[0]
