"""What a task does to the descriptors of its worker is told as what it is."""

from __future__ import annotations

import os

import pytest

import procession

NOTE = "it closed the descriptors of its worker, or became another program"


def become_sleep(seconds: str) -> None:
    os.execv("/bin/sleep", ["sleep", seconds])


def close_channel_and_wait(seconds: str) -> None:
    os.closerange(3, 4096)
    os.execv("/bin/sleep", ["sleep", seconds])


def kill_itself(number: str) -> None:
    os.kill(os.getpid(), int(number))


@pytest.mark.limit(30)
@pytest.mark.parametrize("task", [become_sleep, close_channel_and_wait])
def test_worker_that_cannot_be_heard_any_more_is_ended_and_the_error_says_why(task: object) -> None:
    with procession.Pool(1) as pool:
        with pytest.raises(procession.WorkerDied) as caught:
            pool.apply(task, ("60",))  # type: ignore[arg-type]
    assert caught.value.hint == NOTE


@pytest.mark.limit(30)
def test_killed_worker_is_not_taken_for_one_that_closed_its_channel() -> None:
    with procession.Pool(1) as pool:
        for _ in range(20):
            with pytest.raises(procession.WorkerDied) as caught:
                pool.apply(kill_itself, ("9",))
            assert caught.value.hint != NOTE


def close_channel_at_five(index: int) -> int:
    if index == 5:
        os.closerange(3, 4096)
    return index


@pytest.mark.limit(30)
def test_item_that_closed_the_channel_is_charged_and_no_later_one() -> None:
    for _ in range(10):
        with procession.Pool(2) as pool:
            outcomes = pool.map(close_channel_at_five, range(300), outcomes=True)
        assert [each.index for each in outcomes if not each.ok] == [5]
        assert [each.value for each in outcomes if each.ok] == [index for index in range(300) if index != 5]


@pytest.mark.limit(30)
def test_initializer_that_closes_the_channel_is_told_and_no_worker_prints_a_traceback(
    start_method: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    with procession.Pool(2, os.closerange, (3, 4096), context=start_method) as pool:
        with pytest.raises(procession.StartFailed) as caught:
            pool.map(abs, [1])
    assert caught.value.hint == NOTE
    assert "Traceback" not in capfd.readouterr().err
