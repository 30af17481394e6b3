"""cancel() takes back what has not begun; procession.cancel ends what runs; neither costs another call anything."""

from __future__ import annotations

import concurrent.futures
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import procession
from procession import Pool, ProcessPoolExecutor
from tests.futures import work
from tests.helpers.processes import running
from tests.helpers.wait import wait_until

pytestmark = pytest.mark.limit(60)


@pytest.mark.short
def test_queued_future_is_cancelled_at_once_and_never_runs(single: ProcessPoolExecutor, tmp_path: Path) -> None:
    gate, ran, started = tmp_path / "gate", tmp_path / "ran", tmp_path / "started"
    first = single.submit(work.wait_for, gate, started)
    wait_until(started.exists)
    called: list[object] = []
    queued = [single.submit(work.note_and_square, n, ran) for n in range(200)]
    queued[3].add_done_callback(called.append)
    chosen = queued[::2] + [queued[3]]
    assert not first.cancel() and first.running()
    assert all(future.cancel() for future in chosen)
    assert all(future.cancelled() for future in chosen) and called == [queued[3]]
    done, waiting = concurrent.futures.wait(chosen, timeout=0)
    assert not waiting, "nobody has to wait until a worker comes to them"
    with pytest.raises(concurrent.futures.CancelledError):
        chosen[0].result()
    gate.touch()
    others = [future for future in queued if future not in chosen]
    assert first.result(30) == "gate"
    assert [future.result(30) for future in others] == [queued.index(future) ** 2 for future in others]
    assert sorted(map(int, ran.read_text().split())) == sorted(queued.index(future) for future in others)
    assert not others[0].cancel()


def submit_together(executor: ProcessPoolExecutor, started: Path, *calls: tuple[Any, ...]) -> list[Any]:
    """Submit calls so that some are handed out to the one worker behind the one that waits: short ones are expected.

    Where a batch ends is for the scheduler to say, so it may take several attempts.
    """
    for future in [executor.submit(work.square, n) for n in range(300)]:
        future.result(30)
    for _ in range(30):
        made = [executor.submit(*call) for call in [(work.square, 1)] * 100 + list(calls)][100:]
        wait_until(started.exists, 30)
        if sum(future.running() for future in made) > 1:
            return made
        for future in reversed(made):
            procession.cancel(future)
        started.unlink()
    raise AssertionError("none is ever handed out ahead")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_handed_out_ahead_it_can_still_be_cancelled(method: str, tmp_path: Path) -> None:
    with ProcessPoolExecutor(1, method) as executor:
        notes = [(work.note_and_square, n, tmp_path / "ran") for n in range(50)]
        made = submit_together(
            executor, tmp_path / "started", (work.wait_for, tmp_path / "gate", tmp_path / "started"), *notes
        )
        assert all(future.cancel() for future in made[1:])
        (tmp_path / "gate").touch()
        assert made[0].result(30) == "gate"
    assert not (tmp_path / "ran").exists()


@pytest.mark.short
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_running_future_ends_with_its_worker_and_no_other(method: str, tmp_path: Path) -> None:
    with ProcessPoolExecutor(1, method) as executor:
        ran, started = tmp_path / "ran", tmp_path / "started"
        notes = [(work.note_and_square, n, ran) for n in range(50)]
        made = submit_together(executor, started, *notes[:5], (work.wait_for, tmp_path / "never", started), *notes[5:])
        before, endless, behind = made[:5], made[5], made[6:]
        called: list[object] = []
        endless.add_done_callback(called.append)
        wait_until(started.exists)
        pid = next(iter(executor._processes))
        assert not endless.cancel() and procession.cancel(endless)
        assert endless.cancelled() and endless.done() and called == [endless]
        assert not concurrent.futures.wait([endless], timeout=0).not_done
        wait_until(lambda: not running(pid))
        assert [future.result(30) for future in before + behind] == [n * n for n in range(50)]
        assert executor.submit(work.pid).result(30) != pid
        assert procession.cancel(endless) and not procession.cancel(before[0])


def test_what_a_cancelled_call_has_started_ends_with_it(single: ProcessPoolExecutor, tmp_path: Path) -> None:
    future = single.submit(work.with_child, tmp_path / "child", tmp_path / "never")
    wait_until((tmp_path / "child").exists)
    pid = int((tmp_path / "child").read_text())
    assert running(pid) and procession.cancel(future)
    wait_until(lambda: not running(pid))


def test_who_waits_for_a_result_hears_that_it_was_cancelled(single: ProcessPoolExecutor, tmp_path: Path) -> None:
    future = single.submit(work.wait_for, tmp_path / "never", tmp_path / "started")
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            future.result(30)
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until((tmp_path / "started").exists)
    assert procession.cancel(future)
    thread.join(30)
    assert [type(error) for error in caught] == [concurrent.futures.CancelledError]


def test_of_many_cancellations_at_once_none_costs_a_neighbour(executor: ProcessPoolExecutor, tmp_path: Path) -> None:
    """Short calls begin and end while others are cancelled, so that looks and deaths meet every moment of a batch."""
    made = [executor.submit(work.note_and_square, n, tmp_path / "ran") for n in range(2000)]
    chosen = made[5::40]
    answers: dict[concurrent.futures.Future[int], bool] = {}

    def cancel(mine: list[concurrent.futures.Future[int]]) -> None:
        for future in mine:
            answers[future] = procession.cancel(future)

    threads = [threading.Thread(target=cancel, args=(chosen[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, future in enumerate(made):
        if answers.get(future):
            assert future.cancelled()
        else:
            assert future.result(30) == number * number, number
    runs = Counter(map(int, (tmp_path / "ran").read_text().split()))
    assert set(range(2000)) - runs.keys() <= {made.index(future) for future in chosen if answers[future]}


def test_a_pool_s_calls_can_be_cancelled_too(tmp_path: Path) -> None:
    with Pool(1) as pool:
        assert pool.apply(work.square, (3,)) == 9
        errors: list[BaseException] = []
        first = pool.apply_async(
            work.wait_for, (tmp_path / "never", tmp_path / "started"), error_callback=errors.append
        )
        queued = pool.apply_async(work.note_and_square, (1, tmp_path / "ran"))
        other = pool.apply_async(work.square, (4,))
        future = pool.submit(work.note_and_square, 1, tmp_path / "ran")
        wait_until((tmp_path / "started").exists)
        assert procession.cancel(queued) and procession.cancel(future) and procession.cancel(first)
        for each in (first, queued, future):
            with pytest.raises(concurrent.futures.CancelledError):
                each.get(30) if hasattr(each, "get") else each.result(30)
        assert other.get(30) == 16 and not procession.cancel(other)
        assert [type(error) for error in errors] == [concurrent.futures.CancelledError]
        assert not procession.cancel(pool.map_async(work.square, [1]))
    assert not (tmp_path / "ran").exists()


def test_a_stranger_s_future_is_cancelled_as_it_can_be() -> None:
    assert procession.cancel(concurrent.futures.Future())


def test_leaving_a_map_cancels_what_has_not_begun(single: ProcessPoolExecutor, tmp_path: Path) -> None:
    for buffersize in (None, 5):
        ran = tmp_path / f"ran{buffersize}"
        mapped = single.map(work.note_and_square, range(100_000), [ran] * 100_000, buffersize=buffersize)
        assert next(mapped) == 0
        mapped.close()  # type: ignore[attr-defined]
        assert single.submit(work.square, 3).result(30) == 9
        assert len(ran.read_text().split()) < 50_000
