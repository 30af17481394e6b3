"""The parts that a policy is kept by, each by itself: retries, rate, limits, stop rules, ranks."""

from __future__ import annotations

import math
import pickle
from statistics import median_low

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.model.policy import LEAST_ENDED, Policy
from procession.scheduler.limits import ENOUGH, LEAST_SHARE_SECONDS, SHORTEST, Limits, Median
from procession.scheduler.rate import Rate
from procession.scheduler.retries import MOST_SECONDS, Retries, spread
from procession.scheduler.rules import Ranked

seconds = st.floats(1e-6, 1e5)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=60), st.integers(0, 4), st.integers(0, 4))
def test_no_item_is_tried_more_often_than_was_allowed(fails: list[tuple[int, bool]], errors: int, deaths: int) -> None:
    retries = Retries(errors, deaths, 0.0)
    counts: dict[int, list[int]] = {}
    for index, death in fails:
        count = counts.setdefault(index, [0, 0])
        count[death] += 1
        allowed = count[death] <= (errors, deaths)[death]
        assert (retries.pause(index, death) == 0.0) is allowed
        if not allowed:
            del counts[index]
    retries.forget(0, 4)
    assert (retries.pause(0, False) is None) == (errors == 0)


@given(st.floats(1e-3, 1e6), st.integers(0, 10**6), st.integers(1, 200))
def test_pauses_double_and_are_spread_and_bounded(backoff: float, index: int, attempts: int) -> None:
    retries = Retries(attempts, 0, backoff)
    for attempt in range(1, attempts + 1):
        pause = retries.pause(index, False)
        usual = min(backoff * 2.0 ** min(attempt - 1, 64), MOST_SECONDS)
        assert pause is not None and 0.5 * usual <= pause <= 1.5 * usual
    assert retries.pause(index, False) is None


def test_items_that_failed_together_do_not_come_back_together() -> None:
    chances = [spread(index, 1) for index in range(1000)]
    assert 0.4 < sum(chances) / 1000 < 0.6 and len(set(chances)) == 1000 and 0 <= min(chances) <= max(chances) < 1
    assert chances == [spread(index, 1) for index in range(1000)]


@given(st.floats(0.01, 1e5), st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 5000)), min_size=1, max_size=300))
def test_no_second_has_more_begins_than_was_allowed(most: float, steps: list[tuple[float, int]]) -> None:
    rate, now, begun = Rate(most), 1000.0, []
    for pause, wanted in steps:
        now = max(now, rate.next) if pause < 0.01 else now + pause
        count = min(wanted, rate.room(now))
        if count:
            rate.take(count, now)
            begun.append((now, count))
    together = max(1, int(most * 0.01))
    for at, (begin, _) in enumerate(begun):
        assert sum(count for time, count in begun[at:] if time < begin + 1.0) <= most + together + 1e-3


@given(st.lists(seconds, min_size=1, max_size=300))
def test_the_median_is_right_to_two_percent(values: list[float]) -> None:
    median = Median()
    for value in values:
        median.add(value)
    wanted = max(median_low(values), SHORTEST)
    assert math.isclose(median.value, wanted, rel_tol=0.02)


def test_the_median_takes_no_more_memory_with_more_numbers() -> None:
    median = Median()
    for number in range(200_000):
        median.add(1e-6 * 1.0001 ** (number % 100_000))
    assert len(pickle.dumps(median)) < 20_000
    assert median.count == 200_000


@given(st.lists(seconds, min_size=ENOUGH, max_size=50), st.floats(101, 1e4))
def test_a_share_is_one_of_the_median_but_never_tiny(values: list[float], percent: float) -> None:
    limits = Limits(Policy(time_limit=f"{percent}%"))
    assert limits.hard is None and limits.unknown and limits.first is None
    assert not limits.measured(values[: ENOUGH - 1]) and limits.unknown
    assert limits.measured(values[ENOUGH - 1 :]) and not limits.unknown
    wanted = max(median_low(values) * percent / 100, LEAST_SHARE_SECONDS)
    assert limits.hard is not None and math.isclose(limits.hard, wanted, rel_tol=0.02)


@pytest.mark.parametrize(
    ("text", "ended", "failed", "met"),
    [
        ("soon,fail=3", 100, 2, False),
        ("soon,fail=3", 3, 3, True),
        ("now,success=2", 2, 1, False),
        ("now,success=2", 3, 1, True),
        ("now,done=5", 5, 0, True),
        ("soon,fail=10%", LEAST_ENDED - 1, LEAST_ENDED - 1, False),
        ("soon,fail=10%", LEAST_ENDED, 1, True),
        ("soon,fail=10%", 100, 9, False),
        ("soon,fail=0.5%", 1000, 5, True),
    ],
)
def test_a_rule_is_met(text: str, ended: int, failed: int, met: bool) -> None:
    (rule,) = Policy(halt=text).halts
    assert rule.now is text.startswith("now") and rule.met(ended, failed) is met
    assert Policy(max_errors=2).halts[0].met(9, 2) is False and Policy(max_errors=2).halts[0].met(9, 3) is True


@given(st.data())
def test_ranked_items_go_in_their_order(data: st.DataObject) -> None:
    ranks = data.draw(st.lists(st.integers(-2, 2).map(float), max_size=40))
    ranked, waiting, held = Ranked(), set(range(len(ranks))), set[int]()
    for start in range(0, len(ranks), 7):
        ranked.add(start, ranks[start : start + 7])
    while waiting:
        assert len(ranked) == len(waiting) and all(index in ranked for index in waiting)
        deed = data.draw(st.sampled_from(["take", "take", "back", "extract"]))
        if deed == "back" and held:
            index = data.draw(st.sampled_from(sorted(held)))
            ranked.put_back(index, index + 1)
            held.remove(index)
            waiting.add(index)
        elif deed == "extract":
            unwanted = set(data.draw(st.lists(st.sampled_from(sorted(waiting)), max_size=3)))
            assert {start for start, _ in ranked.extract(unwanted)} == unwanted
            waiting -= unwanted
        else:
            start, stop = ranked.take(data.draw(st.integers(1, 5)))
            best = max(ranks[index] for index in waiting)
            assert start == min(index for index in waiting if ranks[index] == best)
            assert all(ranks[index] == best for index in range(start, stop)) and waiting >= set(range(start, stop))
            waiting -= set(range(start, stop))
            held |= set(range(start, stop))
    ranked.add(100, [1.0, 2.0])
    assert ranked.drain() == [(100, 101), (101, 102)] and len(ranked) == 0
