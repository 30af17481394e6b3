"""Locks and queues among processes that are killed at random moments, again and again: 1,000 kills in all in a storm.

Each storm has 8 processes that work without a pause, and a killer that ends one of them with SIGKILL and starts another
in its place. What they did is read off shared memory and files that they wrote; nothing of it is the library's own.
"""

from __future__ import annotations

import mmap
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import BrokenBarrierError
from typing import Any

import pytest

import procession

WORKERS = 8
DAILY, STORM = 40, 170
KILLS = [DAILY, pytest.param(STORM, marks=[pytest.mark.storm, pytest.mark.limit(600)])]
SEED = int(os.environ.get("PROCESSION_STORM_SEED", 1))
FORK = procession.get_context("fork")


class Killer:
    """Keeps so many processes at work and kills one of them at a time."""

    def __init__(self, work: Callable[..., object], arguments: Callable[[int], tuple[Any, ...]]) -> None:
        self._work, self._arguments = work, arguments
        self._random = random.Random(SEED)
        self._processes = [self._start(number) for number in range(WORKERS)]

    def _start(self, number: int) -> Any:
        process = FORK.Process(target=self._work, args=self._arguments(number))
        process.start()
        return process

    def storm(self, kills: int) -> None:
        """Kill so many, each after a moment; the last ones stay dead."""
        for _ in range(kills):
            time.sleep(self._random.random() * 0.02)
            number = self._random.randrange(WORKERS)
            self._end(number)
            self._processes[number] = self._start(number)
        time.sleep(0.2)
        for number in range(WORKERS):
            self._end(number)

    def _end(self, number: int) -> None:
        process = self._processes[number]
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it ended by itself: its standard error says why"
        process.close()


def words(count: int = 512) -> memoryview:
    """Words of memory that all children see."""
    return memoryview(mmap.mmap(-1, 8 * count)).cast("Q")


@pytest.mark.parametrize("kills", KILLS)
@pytest.mark.parametrize("kind", ["Lock", "RLock", "Semaphore"])
def test_killed_owners_of_a_lock(kind: str, kills: int) -> None:
    """One is inside at a time; what a killed one left half done, the next one is told of."""
    lock = getattr(FORK, kind)()
    seen = words()  # 0: who is inside; 1, 2: always equal outside; 3: faults; 4: times that somebody was told

    def work() -> None:
        while True:
            with lock:
                told = lock.abandoned
                if seen[0] and not told:
                    seen[3] += 1
                seen[0] = os.getpid()
                seen[4] += told
                if seen[1] != seen[2] and not told:
                    seen[3] += 1
                seen[2] = seen[1]
                seen[1] += 1
                seen[2] += 1
                if seen[0] != os.getpid():
                    seen[3] += 1
                seen[0] = 0

    Killer(work, lambda number: ()).storm(kills)
    assert lock.acquire(timeout=30), "the lock stayed with a killed process"
    lock.release()
    assert seen[3] == 0, "two were inside at once, or nobody was told of the death"
    assert seen[1] > kills
    assert seen[4] > 0, "nobody was ever killed inside: this storm shows nothing"


@pytest.mark.parametrize("kills", KILLS)
def test_killed_holders_of_tokens(kills: int) -> None:
    """No more inside than there are tokens, and all tokens come back."""
    semaphore = FORK.BoundedSemaphore(3)
    inside = words()

    def work(number: int) -> None:
        while True:
            with semaphore:
                inside[number] = 1
                if sum(inside[:WORKERS]) > 3:
                    inside[WORKERS] += 1
                inside[number] = 0

    killer = Killer(work, lambda number: (inside.__setitem__(number, 0), (number,))[1])
    killer.storm(kills)
    assert inside[WORKERS] <= kills  # who was killed inside is still counted there until his place is taken again
    taken = [semaphore.acquire(timeout=30) for _ in range(3)]
    assert taken == [True] * 3
    assert not semaphore.acquire(block=False)


@pytest.mark.parametrize("kills", KILLS)
@pytest.mark.parametrize("reliable", [False, True])
@pytest.mark.parametrize("maxsize", [0, 10])
def test_killed_producers_and_consumers(kills: int, reliable: bool, maxsize: int, tmp_path: Path) -> None:
    """A message that was put is got whole and once, but for what a killed consumer had; with `reliable`, even that."""
    queue = FORK.Queue(maxsize, reliable=reliable)
    born = iter(range(10**6))

    def produce(life: int) -> None:
        with (tmp_path / f"put-{life}").open("ab", 0) as file:
            for number in range(10**9):
                queue.put((life, number, "x" * (number % 5000)))
                file.write(b"%d %d\n" % (life, number))

    def consume(life: int) -> None:
        with (tmp_path / f"got-{life}").open("ab", 0) as file:
            while True:
                producer, number, text = queue.get()
                assert text == "x" * (number % 5000)
                file.write(b"%d %d\n" % (producer, number))
                if reliable:
                    queue.task_done()

    def work(number: int) -> None:
        (produce if number % 2 else consume)(life[number])

    life = [0] * WORKERS

    def arguments(number: int) -> tuple[int]:
        life[number] = next(born)
        return (number,)

    Killer(work, arguments).storm(kills)
    got = lines(tmp_path, "got")
    while True:  # what nobody has got is still there
        try:
            producer, number, text = queue.get(timeout=2 if reliable else 0.2)
        except procession.queues.Empty:
            break
        assert text == "x" * (number % 5000)
        got[b"%d %d" % (producer, number)] += 1
        if reliable:
            queue.task_done()
    put = lines(tmp_path, "put")
    assert len(put) > 10 * kills
    lost = set(put) - set(got)
    twice = [message for message, times in got.items() if times > 1]
    dead_consumers = sum(1 for _ in tmp_path.glob("got-*"))
    assert len(lost) <= (0 if reliable else dead_consumers), f"{len(lost)} messages were lost"
    assert len(twice) <= (dead_consumers if reliable else 0), f"{len(twice)} messages came twice"
    assert len(set(got) - set(put)) <= sum(1 for _ in tmp_path.glob("put-*")), "more than each producer's last one"


def lines(folder: Path, kind: str) -> Counter[bytes]:
    """What was written down, with how often; a last line that was cut off does not count."""
    found: Counter[bytes] = Counter()
    for path in folder.glob(f"{kind}-*"):
        found.update(path.read_bytes().split(b"\n")[:-1])
    return found


@pytest.mark.parametrize("kills", KILLS)
def test_killed_waiters_for_a_condition(kills: int) -> None:
    """Tokens are handed on by notifications, one each; none is swallowed by the dead, and nobody waits for ever."""
    condition = FORK.Condition()
    seen = words()  # 0: tokens there are; 1: tokens taken; 2: waiters that gave up

    def work(number: int) -> None:
        while True:
            with condition:
                if number % 2:
                    seen[0] += 1
                    condition.notify()
                elif condition.wait_for(lambda: seen[0] > 0, timeout=10):
                    seen[0] -= 1
                    seen[1] += 1
                else:
                    seen[2] += 1

    Killer(work, lambda number: (number,)).storm(kills)
    assert seen[1] > kills
    assert seen[2] == 0, "a waiter slept through its notification"


@pytest.mark.parametrize("kills", KILLS)
def test_killed_comers_to_a_barrier(kills: int) -> None:
    """All go on together or the meeting is broken; a killed one never holds up the others."""
    barrier = FORK.Barrier(WORKERS)
    seen = words()  # 0: meetings; 1: those that somebody gave up

    def work() -> None:
        while True:
            began = time.monotonic()
            try:
                if barrier.wait(timeout=20) == 0:
                    seen[0] += 1
            except BrokenBarrierError:
                seen[1] += time.monotonic() - began > 19
                barrier.reset()

    Killer(work, lambda number: ()).storm(kills)
    assert seen[0] > kills
    assert seen[1] == 0


@pytest.mark.parametrize("kills", KILLS)
def test_killed_waiters_for_an_event(kills: int) -> None:
    """A flag that goes up and down wakes all who live."""
    event = FORK.Event()
    seen = words()

    def work(number: int) -> None:
        while True:
            if number == 0:
                event.set()
                event.clear()
            elif not event.wait(timeout=20):
                seen[1] += 1
            else:
                seen[0] += 1

    Killer(work, lambda number: (number,)).storm(kills)
    assert seen[0] > kills
    assert seen[1] == 0, "a waiter slept through it"


def test_all_storms_together_are_a_thousand_kills() -> None:
    storms = 3 + 1 + 4 + 1 + 1 + 1
    assert storms * STORM > 1000
