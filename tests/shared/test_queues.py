"""Queues: as multiprocessing has them; nothing is lost by who ends, nobody waits for who was killed."""

from __future__ import annotations

import concurrent.futures
import multiprocessing.connection
import multiprocessing.pool
import os
import pickle
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import procession
from procession.queues import Empty, Full
from tests.helpers.scripts import Finished
from tests.helpers.wait import wait_until

FORK = procession.get_context("fork")
KINDS = ("Queue", "JoinableQueue", "SimpleQueue")
HEAP = procession.RawValue("i")  # the standard library keeps its memory for values once it has some


def put_all(queue: Any, values: Any) -> None:
    for each in values:
        queue.put(each)


def echo(source: Any, target: Any) -> None:
    while (value := source.get()) is not None:
        target.put(value)


def put_into_one_that_comes_through_another(first: Any) -> None:
    first.get().put("there")


def take_and_die(queue: Any, taken: int) -> None:
    for _ in range(taken):
        queue.get()
    os.kill(os.getpid(), signal.SIGKILL)


def wait_to_be_killed(queue: Any) -> None:
    queue.get()


@pytest.mark.parametrize("kind", KINDS)
def test_messages_arrive_in_order_in_any_process(kind: str, start_method: str | None) -> None:
    context = procession.get_context(start_method)
    there, back = getattr(context, kind)(), getattr(context, kind)()
    process = context.Process(target=echo, args=(there, back))
    process.start()
    values = [0, "text", b"bytes", {"a": [1]}, "x" * 300_000, (1.5, False)]
    put_all(there, [*values, None])
    assert [back.get() for _ in values] == values
    process.join(60)
    assert process.exitcode == 0
    process.close()


def test_a_bounded_queue_is_full_and_waits() -> None:
    queue = procession.Queue(2)
    queue.put(1)
    assert not queue.full()
    queue.put(2, timeout=1)
    assert queue.full()
    with pytest.raises(Full):
        queue.put(3, block=False)
    with pytest.raises(Full):
        queue.put(3, timeout=0.05)
    thread = threading.Thread(target=queue.put, args=(3,))
    thread.start()
    assert [queue.get() for _ in range(3)] == [1, 2, 3]
    thread.join()
    with pytest.raises(Empty):
        queue.get_nowait()
    began = time.monotonic()
    with pytest.raises(Empty):
        queue.get(timeout=0.2)
    assert time.monotonic() - began >= 0.19
    assert queue.empty()
    assert queue.qsize() == 0


def test_a_producer_may_end_at_once_and_nothing_is_lost(run_script: Callable[..., Finished]) -> None:
    finished = run_script(
        """
        import os, procession

        def produce(queue):
            for number in range(50_000):
                queue.put(number)
            os._exit(0)  # at once: no thread, no exit handler

        if __name__ == "__main__":
            queue = procession.Queue()
            process = procession.Process(target=produce, args=(queue,))
            process.start()
            process.join()
            print(process.exitcode, [queue.get() for _ in range(50_000)] == list(range(50_000)), queue.empty())
            queue.put("nobody ever gets this")
        """
    )
    assert finished.stdout == "0 True True\n"
    assert finished.returncode == 0


def test_a_large_array_arrives_writable() -> None:
    numpy = pytest.importorskip("numpy")
    queue = FORK.Queue()
    sent = {"a": numpy.arange(1_000_000), "b": numpy.ones(200_000), "text": "x" * 500_000}
    process = FORK.Process(target=queue.put, args=(sent,))
    process.start()
    got = queue.get()
    process.join(60)
    process.close()
    assert (got["a"] == sent["a"]).all()
    assert got["text"] == sent["text"]
    got["b"] += 1
    assert got["b"].sum() == 400_000


def test_what_cannot_be_pickled_is_reported_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    queue = procession.Queue(1)
    queue.put(threading.Lock())
    assert "cannot pickle" in capsys.readouterr().err
    queue.put("next", block=False)
    assert queue.get() == "next"
    with pytest.raises((TypeError, pickle.PicklingError)):
        procession.SimpleQueue().put(threading.Lock())


def test_a_message_whose_rebuilding_raises_costs_itself() -> None:
    queue = procession.Queue()
    queue.put(_Bad())
    queue.put("next")
    with pytest.raises(ZeroDivisionError):
        queue.get()
    assert queue.get() == "next"


class _Bad:
    def __reduce__(self) -> Any:
        return divmod, (1, 0)


def test_one_can_wait_for_a_queue_beside_other_things() -> None:
    queue, other = FORK.Queue(), FORK.Queue()
    wait = multiprocessing.connection.wait
    readers = [queue._reader, other._reader]
    assert wait(readers, timeout=0.05) == []
    process = FORK.Process(target=put_all, args=(other, ["a", "b"]))
    process.start()
    assert wait(readers, timeout=60) == [other._reader]
    process.join(60)
    process.close()
    assert other.get() == "a"
    assert wait(readers, timeout=1) == [other._reader]
    assert other.get() == "b"
    assert wait(readers, timeout=0.05) == []


def test_a_queue_goes_through_another_one(start_method: str | None) -> None:
    context = procession.get_context(start_method)
    first, second = context.Queue(), context.Queue()
    process = context.Process(target=put_into_one_that_comes_through_another, args=(first,))
    process.start()
    first.put(second)
    assert second.get(timeout=60) == "there"
    process.join(60)
    process.close()


def test_a_queue_goes_to_workers_with_a_task(start_method: str | None) -> None:
    queue = procession.get_context(start_method).Queue()
    with procession.Pool(2, context=start_method) as pool:
        pool.starmap(put_all, [(queue, [number, number]) for number in range(20)])
    assert sorted(queue.get() for _ in range(40)) == sorted([*range(20), *range(20)])


@pytest.mark.parametrize("kind", ["Queue", "JoinableQueue"])
def test_what_a_killed_consumer_had_is_given_to_another_in_a_reliable_queue(kind: str) -> None:
    queue = getattr(FORK, kind)(reliable=True)
    put_all(queue, range(5))
    process = FORK.Process(target=take_and_die, args=(queue, 2))
    process.start()
    process.join(60)
    process.close()
    got = []
    for _ in range(5):
        got.append(queue.get(timeout=30))
        queue.task_done()
    assert sorted(got) == list(range(5))
    with pytest.raises(ValueError, match="too many times"):
        queue.task_done()
    assert queue.empty()


def test_only_who_shall_call_task_done_has_it() -> None:
    """`logging.handlers.QueueListener` and others look for it."""
    assert not hasattr(procession.Queue(), "task_done")
    assert hasattr(procession.Queue(reliable=True), "task_done")
    assert hasattr(procession.JoinableQueue(), "task_done")


def test_join_does_not_wait_for_the_killed() -> None:
    queue = FORK.JoinableQueue()
    put_all(queue, range(3))
    process = FORK.Process(target=take_and_die, args=(queue, 2))
    process.start()
    process.join(60)
    process.close()
    assert queue.get() == 2
    threading.Timer(0.1, queue.task_done).start()
    queue.join()
    with pytest.raises(ValueError, match="too many times"):
        queue.task_done()


def test_join_waits_for_all_that_is_not_done() -> None:
    queue = FORK.JoinableQueue()
    put_all(queue, range(100))
    done = FORK.Value("i", 0, lock=False)

    def work() -> None:
        while (queue.get()) is not None:
            done.value += 1
            queue.task_done()
        queue.task_done()

    process = FORK.Process(target=work)
    process.start()
    queue.join()
    assert done.value == 100
    queue.put(None)
    queue.join()
    process.join(60)
    process.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_consumer_killed_while_it_waits_takes_nothing_along(kind: str) -> None:
    queue = getattr(FORK, kind)()
    processes = [FORK.Process(target=wait_to_be_killed, args=(queue,)) for _ in range(3)]
    for process in processes:
        process.start()
    time.sleep(0.2)  # until they sleep; if one does not yet, the test shows less
    for process in processes:
        process.kill()
        process.join(60)
        process.close()
    queue.put("mine")
    assert queue.get() == "mine"


def test_a_handler_may_put_or_is_told_that_it_must_not() -> None:
    """A handler that interrupts `put` in the midst cannot put; what is in the queue stays whole."""
    queue = procession.Queue()
    put, refused = [0], [0]

    def handler(*_: object) -> None:
        try:
            queue.put("handler")
            put[0] += 1
        except RuntimeError:
            refused[0] += 1

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
    try:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            queue.put("program")
            put[0] += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert {queue.get(timeout=1) for _ in range(put[0])} == {"handler", "program"}
    assert queue.empty()
    assert refused[0] > 0


def test_a_queue_in_a_cycle_can_be_used_until_the_end(run_script: Callable[..., Finished]) -> None:
    finished = run_script(
        """
        import gc, procession

        class Node:
            def __init__(self):
                self.queue = procession.Queue()
                self.me = self
            def __del__(self):
                self.queue.put("bye")
                print(self.queue.get())

        Node()
        gc.collect()
        """
    )
    assert (finished.stdout, finished.returncode) == ("bye\n", 0)


def test_interrupts_lose_nothing_of_a_reliable_queue() -> None:
    """What `get` had taken when it was interrupted comes again; one message is taken at a time."""
    queue = procession.Queue(reliable=True)
    count = 20_000
    put_all(queue, range(count))
    got: set[int] = set()
    chance = random.Random(3)

    def alarm(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, alarm)
    struck = 0
    try:
        while len(got) < count:
            value = None
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.00002 + 0.0001 * chance.random())
                for _ in range(count - len(got)):  # no `while`: from 3.12 on `try` does not cover its jump back
                    value = None
                    value = queue.get(timeout=5)
                    got.add(value)
                    queue.task_done()
                signal.setitimer(signal.ITIMER_REAL, 0)  # here, where what it raises is caught
            except KeyboardInterrupt:
                struck += 1
                if value is not None:
                    got.add(value)
                    with suppress(ValueError):  # it was done before
                        queue.task_done()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert queue.empty()
    assert struck > 20


class Counting(procession.queues.Queue[Any]):
    """What programs do: a queue with something of their own beside it."""

    def __init__(self) -> None:
        super().__init__(ctx=FORK)
        self.counter = FORK.Value("i", 0)

    def __getstate__(self) -> Any:
        return super().__getstate__(), self.counter

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state[0])
        self.counter = state[1]

    def put(self, *arguments: Any, **options: Any) -> None:
        super().put(*arguments, **options)
        self.counter.value += 1


def test_a_subclass_with_a_state_of_its_own(start_method: str | None) -> None:
    queue = Counting()
    context = procession.get_context(start_method)
    process = context.Process(target=put_all, args=(queue, [1, 2]))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    process.close()
    assert queue.counter.value == queue.qsize() == 2


def test_many_threads_and_processes_at_both_ends() -> None:
    queue, results = FORK.Queue(10), FORK.Queue()

    def consume() -> None:
        while (value := queue.get()) is not None:
            results.put(value)

    def consume_in_threads() -> None:
        threads = [threading.Thread(target=consume) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    consumers = [FORK.Process(target=consume_in_threads) for _ in range(2)]
    for process in consumers:
        process.start()
    producers = [threading.Thread(target=put_all, args=(queue, range(n, 2000, 4))) for n in range(4)]
    for thread in producers:
        thread.start()
    for thread in producers:
        thread.join()
    put_all(queue, [None] * 6)
    assert sorted(results.get(timeout=60) for _ in range(2000)) == list(range(2000))
    for process in consumers:
        process.join(60)
        process.close()


def test_a_closed_queue_says_so() -> None:
    queue = procession.Queue()
    queue.close()
    queue.join_thread()
    for call in (lambda: queue.put(1), queue.get, lambda: queue.get(block=False)):
        with pytest.raises(ValueError, match="is closed"):
            call()


def test_waiting_costs_no_time_of_the_processor() -> None:
    queue = FORK.Queue()
    process = FORK.Process(target=wait_to_be_killed, args=(queue,))
    process.start()

    def seconds() -> float:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    time.sleep(0.3)
    before = seconds()
    time.sleep(1.5)
    assert seconds() - before < 0.1
    process.kill()
    process.join(60)
    process.close()


def test_nothing_is_left_of_a_queue() -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    queues = [procession.Queue() for _ in range(100)]
    assert descriptors() - before <= 200
    put_all(queues[0], ["x" * 100_000] * 100)
    del queues
    wait_until(lambda: descriptors() == before)


def look_at_descriptors(queue: Any, back: Any) -> None:
    for _ in range(3):
        back.put(multiprocessing.connection.wait([queue._reader], timeout=60) != [])
    back.put(queue.get())


def test_a_queue_keeps_its_descriptors_in_a_child(start_method: str | None, capfd: pytest.CaptureFixture[str]) -> None:
    """Made after others, so that its descriptors are not the lowest ones."""
    context = procession.get_context(start_method)
    for _ in range(2):
        queue, back = context.Queue(), context.Queue()
        process = context.Process(target=look_at_descriptors, args=(queue, back))
        process.start()
        queue.put("there")
        assert [back.get(timeout=60) for _ in range(4)] == [True, True, True, "there"]
        process.join(60)
        process.close()
    assert capfd.readouterr().err == ""


def test_the_standard_librarys_pools_run_on_our_contexts() -> None:
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=FORK) as executor:
        assert list(executor.map(abs, range(-50, 0))) == list(range(50, 0, -1))
    with multiprocessing.pool.Pool(2, context=FORK) as pool:
        assert pool.map(abs, range(-50, 0)) == list(range(50, 0, -1))
        pool.close()
        pool.join()
