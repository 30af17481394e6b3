"""A client of a manager that is killed holds nothing any more, waits for nothing and swallows nothing."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import procession
from procession.managers import SyncManager
from tests.helpers.wait import wait_until
from tests.served import managed

METHODS = ("fork", "spawn", "forkserver")
FORK: Any = procession.get_context("fork")


@pytest.fixture(scope="module")
def manager() -> Iterator[SyncManager]:
    with procession.Manager() as made:
        made.dict()  # this process has met it
        yield made


def kill(process: Any) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def started(context: Any, target: Any, *args: Any) -> Any:
    process = context.Process(target=target, args=args)
    process.start()
    return process


def waiting(manager: SyncManager, context: Any, held: Any, method: str, *args: Any) -> Any:
    """A process that waits in a call."""
    ready: Any = manager.Event()
    process = started(context, managed.call_and_wait, ready, held, method, *args)
    assert ready.wait(30)
    wait_until(lambda: _sleeps_in_call(process.pid))
    return process


def _sleeps_in_call(pid: int) -> bool:
    """True where the process has been asleep at two looks."""

    def state() -> str:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0]

    first = state()
    threading.Event().wait(0.05)
    return first == state() == "S"


@pytest.mark.parametrize("kind", ["Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore"])
@pytest.mark.parametrize("method", METHODS)
def test_lock_of_a_killed_process_is_given_back(method: str, kind: str) -> None:
    context: Any = procession.get_context(method)
    with context.Manager() as manager:
        lock, ready = getattr(manager, kind)(), manager.Event()
        process = started(context, managed.take_and_wait, lock, ready)
        assert ready.wait(30) and not lock.acquire(False)
        kill(process)
        assert lock.acquire(timeout=20)
        if "Semaphore" not in kind:
            assert lock.abandoned
            lock.release()
            assert lock.acquire() and not lock.abandoned
        lock.release()


@pytest.mark.short
def test_waiter_gets_the_lock_of_a_killed_process_and_learns_of_it(manager: SyncManager) -> None:
    lock, ready, found = manager.Lock(), manager.Event(), []
    process = started(FORK, managed.take_and_wait, lock, ready)
    assert ready.wait(30)

    def wait() -> None:
        lock.acquire()
        found.append(lock.abandoned)
        lock.release()

    thread = threading.Thread(target=wait)
    thread.start()
    kill(process)
    thread.join(20)
    assert found == [True] and lock.acquire(False) and not lock.abandoned


@pytest.mark.short
def test_process_that_ends_by_itself_leaves_its_lock_as_in_the_standard_library(manager: SyncManager) -> None:
    lock, again = manager.Lock(), manager.RLock()
    for held in (lock, again):
        started(FORK, managed.take, held).result(30)
    assert not lock.acquire(False)
    lock.release()
    assert again.acquire(False) and again.abandoned, "nobody else could have released it"


@pytest.mark.short
def test_lock_of_a_parent_is_not_that_of_its_child(manager: SyncManager) -> None:
    lock, again = manager.Lock(), manager.RLock()
    with lock, again:
        ready: Any = manager.Event()
        process = started(FORK, managed.call_and_wait, ready, again, "acquire")
        assert ready.wait(30)
        kill(process)
        assert not lock.acquire(False) and not lock.abandoned
    with lock, again:
        pass


@pytest.mark.short
def test_thread_of_the_same_process_may_release_what_an_ended_one_took(manager: SyncManager) -> None:
    lock = manager.Lock()
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    thread.join()
    assert not lock.acquire(False)
    lock.release()


@pytest.mark.parametrize("method", METHODS)
def test_dead_waiter_swallows_nothing(method: str) -> None:
    context: Any = procession.get_context(method)
    with context.Manager() as manager:
        lock, queue, event = manager.Lock(), manager.Queue(), manager.Event()
        condition, semaphore = manager.Condition(), manager.Semaphore(0)
        lock.acquire()
        for held, call in (
            (lock, "acquire"),
            (queue, "get"),
            (event, "wait"),
            (condition, "wait"),
            (semaphore, "acquire"),
        ):
            kill(waiting(manager, context, held, call))
        lock.release()
        assert lock.acquire(timeout=20) and not lock.abandoned
        queue.put("item")
        assert queue.get(timeout=20) == "item"
        told: list[bool] = []

        def wait() -> None:
            with condition:
                inside.set()
                told.append(condition.wait(20))

        inside = threading.Event()
        thread = threading.Thread(target=wait)
        thread.start()
        assert inside.wait(20)
        with condition:
            condition.notify()
        thread.join()
        assert told == [True]
        semaphore.release()
        assert semaphore.acquire(timeout=20)


@pytest.mark.short
def test_barrier_with_a_killed_waiter_breaks(manager: SyncManager) -> None:
    barrier, seen = manager.Barrier(3), manager.list()
    first, second = (started(FORK, managed.wait_at, barrier, seen) for _ in range(2))
    wait_until(lambda: barrier.n_waiting == 2)
    kill(first)
    second.result(30)
    assert seen == ["BrokenBarrierError"] and barrier.broken
    barrier.reset()
    assert not barrier.broken and barrier.n_waiting == 0


@pytest.mark.short
def test_item_whose_receiver_died_before_reading_it_is_the_next_one(manager: SyncManager) -> None:
    queue, mine = manager.Queue(), None
    for number in range(3):
        queue.put(number)
    process = started(FORK, managed.kill_oneself_in, queue, "get")
    process.join()
    assert process.exitcode == -signal.SIGKILL
    wait_until(lambda: queue.qsize() == 3)
    mine = [queue.get() for _ in range(3)]
    assert mine == [0, 1, 2]


@pytest.mark.short
def test_semaphore_that_counts_what_was_made_is_not_made_larger_by_a_death(manager: SyncManager) -> None:
    made, ready = manager.Semaphore(0), manager.Event()
    made.release()
    process = started(FORK, managed.take_and_wait, made, ready)
    assert ready.wait(30)
    kill(process)
    assert not made.acquire(timeout=0.3), "the killed one has consumed it"


@pytest.mark.short
def test_references_of_a_killed_process_are_dropped(manager: SyncManager) -> None:
    before = manager._number_of_objects()
    held, ready = manager.list([1]), manager.Event()
    process = started(FORK, managed.hold_a_proxy, held, ready)
    assert ready.wait(30)
    del held
    assert manager._number_of_objects() == before + 2
    kill(process)
    del ready
    wait_until(lambda: manager._number_of_objects() == before)


@pytest.mark.short
def test_call_that_ctrl_c_ends_holds_and_waits_for_nothing() -> None:
    with procession.Manager() as manager:
        check_ctrl_c(manager)


def check_ctrl_c(manager: SyncManager) -> None:
    lock, queue = manager.Lock(), manager.Queue()

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for call in (queue.get, lock.acquire):
            if call == lock.acquire:
                started(FORK, managed.take, lock).result(30)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(KeyboardInterrupt):
                call()
    finally:
        signal.signal(signal.SIGALRM, before)
    queue.put(1)
    assert queue.get(timeout=20) == 1
    lock.release()
    assert lock.acquire(timeout=20)


@pytest.mark.parametrize("seed", [1])
@pytest.mark.limit(200)
def test_storm_of_kills_leaves_all_counts_right(seed: int) -> None:
    source = random.Random(seed)
    with FORK.Manager() as manager:
        lock, counts, queue = manager.Lock(), manager.dict({"in": 0, "out": 0}), manager.Queue()
        rows, semaphore = manager.list([[]]), manager.Semaphore(2)
        for number in range(10):
            queue.put(number)
        workers: list[Any] = []
        held = (lock, counts, queue, rows, semaphore)
        for kills in range(100):
            while len(workers) < 4:
                workers.append(started(FORK, managed.stir, kills * 10 + len(workers), *held))
            threading.Event().wait(source.random() / 20)
            kill(workers.pop(source.randrange(len(workers))))
        for process in workers:
            kill(process)
        assert lock.acquire(timeout=20)
        assert counts["in"] - counts["out"] in (0, 1), "one that was killed in the midst"
        assert semaphore.acquire(timeout=20) and semaphore.acquire(timeout=20) and not semaphore.acquire(False)
        left = []
        while not queue.empty():
            left.append(queue.get())
        # an item is lost only where its process was killed between having read it and having put it back
        assert sorted(set(left)) == sorted(left) and set(left) <= set(range(10))
        assert rows[0]
        wait_until(lambda: manager._number_of_objects() == 5)
