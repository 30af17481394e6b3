"""Locks, queues, pipes and shared values of multiprocessing reach workers by `initargs`, under every start method."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import procession
from tests.helpers.scripts import Finished

SCRIPT = """
    import sys
    import procession

    def prepare(*objects):
        global shared
        shared = objects

    def use(number):
        lock, queue, total, array, pipe, event, barrier = shared
        with lock:
            total.value += number  # without a lock of its own
            pipe.send(number)
        with array.get_lock():
            array[0] += 1
        queue.put(number)
        barrier.wait(30)
        return event.is_set()

    def say(text):
        shared[0].send(text)

    def all_of_them(context):
        reader, writer = context.Pipe(duplex=False)
        event, queue = context.Event(), context.Queue()
        total, array = context.Value("i", 0, lock=False), context.Array("i", 2)
        objects = context.Lock(), queue, total, array, writer, event, context.Barrier(2)
        event.set()
        with context.Pool(2, prepare, objects, maxtasksperchild=2) as pool:  # replaced ones get it too
            assert pool.map(use, range(8), chunksize=1) == [True] * 8
            pool.close()
            pool.join()  # each has written what it had put
        assert (total.value, array[:]) == (28, [8, 0])
        assert sorted(queue.get(timeout=30) for _ in range(8)) == list(range(8))
        assert sorted(reader.recv() for _ in range(8)) == list(range(8))

    def end_of_a_pipe(context):
        reader, writer = context.Pipe(duplex=False)
        with context.Pool(1, prepare, (writer,)) as pool:
            pool.apply(say, ("hello",))
            writer.close()
        print(reader.recv())
        try:
            reader.recv()
        except EOFError:
            print("the end")

    if __name__ == "__main__":
        context = procession.get_context(sys.argv[1] if sys.argv[1:] else None)
        all_of_them(context)
        end_of_a_pipe(context)
"""


@pytest.mark.short
def test_what_goes_to_a_process_at_its_birth_goes_to_every_worker(
    run_script: Callable[..., Finished], start_method: str | None
) -> None:
    ended = run_script(SCRIPT, arguments=[start_method] if start_method else [])
    assert (ended.stdout, ended.stderr, ended.returncode) == ("hello\nthe end\n", "", 0)


def prepare(*objects: Any) -> None:
    global shared
    shared = objects


def test_under_fork_any_object_may_be_given() -> None:
    with procession.Pool(2, prepare, (threading.Lock(), (number for number in (1, 2))), context="fork") as pool:
        assert pool.apply(name_of) == "generator"


def name_of() -> str:
    return type(shared[1]).__name__  # type: ignore[name-defined]  # `prepare` makes it, in the worker


@pytest.mark.parametrize("method", ["nursery", "spawn", "forkserver"])
def test_too_many_shared_values_are_refused(method: str) -> None:
    context: Any = procession.get_context(method)
    ends = [context.Pipe(duplex=False) for _ in range(201)]
    try:
        with pytest.raises(ValueError, match="more than 200"):
            context.Pool(1, prepare, tuple(writer for _, writer in ends))
    finally:
        for end in [end for pair in ends for end in pair]:
            end.close()
