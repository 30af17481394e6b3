"""outcomes=True: every call gives an Outcome per item in place of raising."""

from __future__ import annotations

from typing import Any

import pytest

import procession
from procession import Attempt, Outcome, Pool, WorkerDied
from tests.pool import functions as work

pytestmark = pytest.mark.limit(30)


@pytest.mark.short
def test_every_call_gives_outcomes(pool: Pool) -> None:
    pids = {worker.pid for worker in pool._pool}
    many: list[list[Outcome[Any]]] = [
        pool.map(work.fail_at_three, range(6), outcomes=True),
        pool.map_async(work.fail_at_three, range(6), outcomes=True).get(30),
        pool.starmap(work.fail_at_three, [(n,) for n in range(6)], outcomes=True),
        pool.starmap_async(work.fail_at_three, [(n,) for n in range(6)], outcomes=True).get(30),
        list(pool.imap(work.fail_at_three, range(6), outcomes=True)),
        sorted(pool.imap_unordered(work.fail_at_three, range(6), outcomes=True), key=lambda outcome: outcome.index),
        pool.map(work.fail_at_three, range(6), 2, outcomes=True),
        procession.map(work.fail_at_three, range(6), processes=1, outcomes=True),
        list(procession.stream(work.fail_at_three, range(6), processes=1, outcomes=True)),
    ]
    for place, outcomes in enumerate(many):
        assert [outcome.index for outcome in outcomes] == list(range(6))
        assert [outcome.item for outcome in outcomes] == (
            [(n,) for n in range(6)] if place in (2, 3) else list(range(6))
        )
        assert [outcome.result for outcome in outcomes] == [0, 1, 2, None, 4, 5]
        assert [outcome.ok for outcome in outcomes] == [True, True, True, False, True, True]
        assert isinstance(outcomes[3].error, ValueError) and outcomes[2].error is None
        for outcome in outcomes:
            assert outcome.seconds is not None and 0 <= outcome.seconds < 5
            assert outcome.worker in pids or place > 6
            assert outcome.attempts == (Attempt(outcome.error, outcome.seconds, outcome.worker),)
        assert outcomes[4].value == 4
        with pytest.raises(ValueError):
            outcomes[3].value  # noqa: B018  # a property that raises


def test_single_calls_give_one_outcome(pool: Pool) -> None:
    good = pool.apply(work.square, (3,), outcomes=True)
    bad = pool.apply_async(work.fail, ("no",), outcomes=True).get(30)
    assert good.ok and good.value == 9 and good.worker and good.seconds is not None
    assert not bad.ok and isinstance(bad.error, ValueError) and bad.result is None


def test_seconds_are_those_of_the_one_item(pool: Pool) -> None:
    outcomes = pool.map(work.pause, [0.0, 0.2, 0.0, 0.1], 4, outcomes=True)
    seconds = [outcome.seconds or 0 for outcome in outcomes]
    assert 0.2 <= seconds[1] < 0.9 and 0.1 <= seconds[3] < 0.9 and seconds[0] < 0.1


def test_outcome_of_a_lost_item_names_its_worker(pool: Pool) -> None:
    outcome = pool.map(work.die_at_three, [3], outcomes=True)[0]
    assert isinstance(outcome.error, WorkerDied)
    assert outcome.worker == outcome.error.pid and outcome.seconds is None


# failure()


@pytest.mark.short
def test_failure_tells_which_item_and_how_all_ended(pool: Pool) -> None:
    with pytest.raises(KeyError) as caught:
        pool.map(work.fail_if_odd, range(6))
    found = procession.failure(caught.value)
    assert found is not None and (found.index, found.item) == (1, 1) and found.error is caught.value
    assert [outcome.result for outcome in found.outcomes] == [0, None, 2, None, 4, None]
    assert [type(outcome.error) for outcome in found.outcomes] == [type(None), KeyError] * 3
    assert any("item 1 (1)" in note for note in caught.value.__notes__)


def test_failure_of_other_errors_is_none(pool: Pool) -> None:
    assert procession.failure(ValueError("other")) is None
    with pytest.raises(ValueError) as caught:
        pool.apply(work.fail, (1,))
    assert procession.failure(caught.value) is None
    with pytest.raises(ValueError) as caught:
        next(pool.imap(work.fail, [1]))
    assert any("item 0 (1)" in note for note in caught.value.__notes__)


def test_failure_of_a_map_with_several_inputs(pool: Pool) -> None:
    with pytest.raises(TypeError) as caught:
        pool.starmap(work.add, [(1, 2), (1, None), (3, 4)])  # type: ignore[list-item]
    found = procession.failure(caught.value)
    assert found is not None and found.index == 1 and found.item == (1, None) and found.outcomes[2].result == 7
