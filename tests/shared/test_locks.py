"""Locks and what is made of them: as multiprocessing has them, and no killed process keeps one."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from threading import BrokenBarrierError
from typing import Any

import pytest

import procession
from tests.helpers.wait import wait_until

METHODS = ("fork", "spawn", "forkserver", "nursery")
KINDS = ("Lock", "RLock", "Semaphore", "BoundedSemaphore")
FORK = procession.get_context("fork")
HEAP = procession.RawValue("i")  # the standard library keeps its memory for values once it has some


def take_and_die(lock: Any) -> None:
    lock.acquire()
    os.kill(os.getpid(), signal.SIGKILL)


def take_and_live(lock: Any, taken: Any, over: Any) -> None:
    with lock:
        taken.set()
        over.wait(60)


def killed(process: Any) -> None:
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    process.close()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_owner_gives_it_back_and_the_next_one_is_told(kind: str, method: str) -> None:
    context = procession.get_context(method)
    lock = getattr(context, kind)()
    process = context.Process(target=take_and_die, args=(lock,))
    process.start()
    killed(process)
    assert lock.acquire(timeout=30)
    assert lock.abandoned
    lock.release()
    assert lock.acquire()
    assert not lock.abandoned
    lock.release()


@pytest.mark.parametrize("kind", KINDS)
def test_who_only_tries_gets_it_too(kind: str) -> None:
    lock = getattr(FORK, kind)()
    process = FORK.Process(target=take_and_die, args=(lock,))
    process.start()
    killed(process)
    wait_until(lambda: lock.acquire(block=False))
    assert lock.abandoned
    lock.release()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("made_by", METHODS)
def test_a_lock_of_one_context_goes_to_a_process_of_any_other(kind: str, made_by: str) -> None:
    lock = getattr(procession.get_context(made_by), kind)()
    for method in METHODS:
        context = procession.get_context(method)
        taken, over = context.Event(), context.Event()
        process = context.Process(target=take_and_live, args=(lock, taken, over))
        process.start()
        assert taken.wait(60)
        assert not lock.acquire(block=False)
        assert not lock.acquire(timeout=0.05)
        over.set()
        assert lock.acquire(timeout=60)
        assert not lock.abandoned
        lock.release()
        process.join(60)
        process.close()


def test_a_lock_goes_to_workers_with_a_task() -> None:
    lock = procession.RLock()

    def nested(lock: Any) -> bool:
        with lock, lock:
            return bool(lock._semlock._count() == 2)

    with procession.Pool(2) as pool:
        assert pool.map(nested, [lock] * 20) == [True] * 20
        assert pool.apply(lambda one, other: one.acquire() and other.acquire(timeout=1), (lock, lock))
        assert not lock.acquire(block=False)  # a worker has it, and lives
    assert lock.acquire(timeout=30)
    assert lock.abandoned
    lock.release()


def test_anybody_gives_a_lock_back_but_only_its_owner_an_rlock() -> None:
    lock, again = procession.Lock(), procession.RLock()
    lock.acquire()
    again.acquire()
    errors: list[BaseException] = []

    def release() -> None:
        lock.release()
        try:
            again.release()
        except AssertionError as error:
            errors.append(error)

    thread = threading.Thread(target=release)
    thread.start()
    thread.join()
    assert len(errors) == 1
    assert lock.acquire(block=False)
    lock.release()
    again.release()
    with pytest.raises(ValueError, match="too many times"):
        lock.release()
    with pytest.raises(AssertionError):
        again.release()


def test_a_forked_child_does_not_own_what_its_parent_owns() -> None:
    lock = FORK.RLock()
    seen = FORK.SimpleQueue()
    with lock:
        process = FORK.Process(target=lambda: seen.put(lock.acquire(timeout=0.1)))
        process.start()
        process.join(60)
    assert seen.get() is False
    process.close()


def test_what_was_taken_from_a_signal_is_used_up() -> None:
    """A semaphore that begins with 0 counts events: a killed consumer's are not given out twice."""
    signals = FORK.Semaphore(0)
    signals.release()
    process = FORK.Process(target=take_and_die, args=(signals,))
    process.start()
    killed(process)
    assert not signals.acquire(timeout=0.3)
    signals.release()
    assert signals.acquire(timeout=1)


def test_tokens_of_the_killed_come_back_and_no_more() -> None:
    tokens = FORK.Semaphore(3)
    for _ in range(5):
        process = FORK.Process(target=take_and_die, args=(tokens,))
        process.start()
        killed(process)
    assert [tokens.acquire(timeout=1) for _ in range(3)] == [True] * 3
    assert not tokens.acquire(timeout=0.3)


def two_that_wait() -> tuple[Any, Any, Any, Any]:
    """A condition, what is told of it, and two processes that wait for it, one after the other."""
    condition, seen = FORK.Condition(), FORK.SimpleQueue()

    def wait(name: str) -> None:
        with condition:
            seen.put(f"{name} waits")
            condition.wait()
        seen.put(f"{name} woke")

    processes = []
    for name in ("first", "second"):
        processes.append(FORK.Process(target=wait, args=(name,)))
        processes[-1].start()
        assert seen.get() == f"{name} waits"
    return condition, seen, *processes


def test_a_killed_waiter_takes_no_notification() -> None:
    condition, seen, first, second = two_that_wait()
    with condition:  # both have let go of it
        first.kill()
    killed(first)
    with condition:
        condition.notify()
    assert seen.get() == "second woke"
    second.join(60)
    second.close()


def test_the_notification_of_one_who_was_killed_is_handed_on() -> None:
    """The first waiter is notified while it is stopped, and killed before it runs again."""
    condition, seen, first, second = two_that_wait()
    with condition:
        os.kill(first.pid, signal.SIGSTOP)
        condition.notify()
    first.kill()
    killed(first)
    assert seen.get() == "second woke"
    second.join(60)
    second.close()


def test_a_token_given_back_by_another_process_is_not_given_out_twice() -> None:
    tokens = FORK.BoundedSemaphore(1)
    process = FORK.Process(target=tokens.acquire)
    process.start()
    process.join(60)
    process.close()
    tokens.release()  # for the other one
    assert tokens.acquire(block=False)
    assert not tokens.acquire(timeout=0.3)
    tokens.release()
    with pytest.raises(ValueError, match="too many times"):
        tokens.release()


def test_interrupted_waiters_leave_no_trace() -> None:
    condition = procession.Condition()
    chance = random.Random(2)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(3000):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.00003 + 0.0001 * chance.random())
                while True:
                    condition.acquire()
                    condition.wait(0.00001)
                    condition.release()
            except KeyboardInterrupt:
                pass
            while condition._lock._semlock._is_mine():
                condition.release()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert "0)>" in repr(condition)


def test_a_meeting_that_is_complete_is_not_broken_by_who_is_tired_of_waiting() -> None:
    barrier = procession.Barrier(2, action=lambda: time.sleep(0.3))
    places: list[int] = []
    thread = threading.Thread(target=lambda: places.append(barrier.wait(0.2)))
    thread.start()
    wait_until(lambda: barrier.n_waiting == 1)
    places.append(barrier.wait(0.2))
    thread.join()
    assert sorted(places) == [0, 1]
    assert not barrier.broken


def test_who_waits_longest_is_woken_first() -> None:
    condition, order = procession.Condition(procession.Lock()), []

    def wait(name: int) -> None:
        with condition:
            started.release()
            condition.wait()
            order.append(name)

    started = threading.Semaphore(0)
    threads = []
    for name in range(4):
        threads.append(threading.Thread(target=wait, args=(name,)))
        threads[-1].start()
        started.acquire()
        with condition:
            pass
    for count in range(1, 5):
        with condition:
            condition.notify()
        wait_until(lambda count=count: len(order) == count)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3]


def test_a_barrier_breaks_when_one_who_waits_is_killed() -> None:
    barrier, waits = FORK.Barrier(3), FORK.Event()

    def come() -> None:
        waits.set()
        barrier.wait()

    process = FORK.Process(target=come)
    process.start()
    wait_until(lambda: barrier.n_waiting == 1)
    process.kill()
    killed(process)
    with pytest.raises(BrokenBarrierError):
        barrier.wait(60)
    assert barrier.broken
    barrier.reset()
    assert not barrier.broken


def test_an_event_may_be_set_by_a_handler() -> None:
    event = procession.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: event.set())
    timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        assert event.wait(60)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)


def test_a_flag_that_went_up_and_down_was_up() -> None:
    event, woke = FORK.Event(), FORK.SimpleQueue()
    process = FORK.Process(target=lambda: woke.put(event.wait(60)))
    process.start()
    time.sleep(0.2)  # until it sleeps: if not, it sees nothing, and the loop goes on
    while woke.empty():
        event.set()
        event.clear()
    assert woke.get() is True
    process.join(60)
    process.close()


WAITS: dict[str, Callable[[], object]] = {
    "Lock": lambda: twice(procession.Lock()),
    "RLock": lambda: of_another_thread(procession.RLock()),
    "Semaphore": lambda: twice(procession.Semaphore()),
    "Condition": lambda: waited(procession.Condition()),
    "Event": lambda: procession.Event().wait(),
    "Barrier": lambda: procession.Barrier(2).wait(),
    "Queue.get": lambda: procession.Queue().get(),
    "Queue.put": lambda: filled(procession.Queue(1)),
    "SimpleQueue": lambda: procession.SimpleQueue().get(),
    "JoinableQueue": lambda: joined(procession.JoinableQueue()),
}


def twice(lock: Any) -> None:
    lock.acquire()
    lock.acquire()


def of_another_thread(lock: Any) -> None:
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    thread.join()
    lock.acquire()


def waited(condition: Any) -> None:
    with condition:
        condition.wait()


def filled(queue: Any) -> None:
    queue.put(1)
    queue.put(2)


def joined(queue: Any) -> None:
    queue.put(1)
    queue.join()


@pytest.mark.parametrize("name", WAITS)
def test_ctrl_c_ends_every_wait(name: str) -> None:
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        WAITS[name]()
    assert time.monotonic() - began < 10
    timer.join()


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", KINDS)
def test_ctrl_c_leaves_a_lock_that_can_be_given_back(name: str) -> None:
    """Interrupted between any two steps, it is held or it is not; nothing inside of it is stuck.

    Python may raise at the begin of `__exit__`, so that `with` itself can leave a lock held; so it is in
    `multiprocessing`, twice as often.
    """
    lock = getattr(procession, name)()
    chance = random.Random(1)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(2000):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.00005 + 0.0002 * chance.random())
                while True:
                    with lock:
                        pass
            except KeyboardInterrupt:
                pass
            if lock.locked():
                lock.release()
            if not is_free(lock):
                pytest.fail("something inside of it is stuck")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def is_free(lock: Any) -> bool:
    """Ask from another thread whether the lock is free."""
    answers: list[bool] = []

    def ask() -> None:
        answers.append(lock.acquire(timeout=1))
        if answers[0]:
            lock.release()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return answers[0]


def test_a_thousand_locks_take_few_descriptors_and_no_name(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    before, names = descriptors(), set(os.listdir("/dev/shm"))
    locks = [procession.Lock() for _ in range(1000)]
    assert descriptors() - before < 10
    assert set(os.listdir("/dev/shm")) <= names
    del locks
    assert descriptors() == before


def test_a_value_adds_in_one_step(start_method: str | None) -> None:
    context = procession.get_context(start_method)
    counter = context.Value("q", 0)
    processes = [context.Process(target=add_many, args=(counter,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        process.close()
    assert counter.value == 3000
    assert counter.add(-1) == 2999


def add_many(counter: Any) -> None:
    for _ in range(1000):
        counter.add(1)
