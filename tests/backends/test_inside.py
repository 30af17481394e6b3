"""Threads and serial: items are run on the objects themselves, in this process."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from typing import Any

import pytest

from procession import Pool
from tests.pool import functions as work

pytestmark = [
    pytest.mark.limit(60),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),  # so it is, and forks
]


@pytest.mark.short
def test_nothing_is_copied_and_nothing_needs_to_be_pickled(inside_pool: Pool) -> None:
    shared: list[int] = []
    lock = threading.Lock()

    def note(item: Any) -> Any:
        with lock:
            shared.append(1)
        return item

    items = [object(), lock, lambda: 1, work.Unpicklable()]
    assert all(got is item for got, item in zip(inside_pool.map(note, items), items, strict=True))
    assert all(got is item for got, item in zip(inside_pool.imap(note, items), items, strict=True))
    assert inside_pool.apply(note, (lock,)) is lock
    assert inside_pool.submit(note, lock).result(10) is lock
    assert len(shared) == 10


def test_outcomes_name_this_process(inside_pool: Pool) -> None:
    assert {each.worker for each in inside_pool.map(work.square, range(5), outcomes=True)} == {os.getpid()}


def test_error_is_the_object_itself_with_its_own_traceback(inside_pool: Pool) -> None:
    error = ValueError("mine")

    def fail(_: object) -> None:
        raise error

    with pytest.raises(ValueError) as caught:
        inside_pool.apply(fail, (1,))
    assert caught.value is error
    assert error.__cause__ is None
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names[-1] == "fail"
    assert not {"run", "_run_one"} & set(names)


def test_slots_of_an_error_are_no_obstacle(inside_pool: Pool) -> None:
    class Closed(Exception):
        __slots__ = ()

        def add_note(self, note: str) -> None:
            raise RuntimeError("no notes here")

    def fail(_: object) -> None:
        raise Closed

    with pytest.raises(Closed):
        inside_pool.map(fail, range(3))


def test_nothing_of_a_task_stays_alive_when_it_has_ended(inside: str) -> None:
    import gc
    import weakref

    class Big:
        pass

    with Pool(1, backend=inside) as pool:  # type: ignore[arg-type]
        item = Big()
        gone = weakref.ref(item)
        pool.map(lambda each: None, [item])
        pool.apply(lambda each: None, (item,))
        del item
        gc.collect()
        assert gone() is None


def test_function_is_not_kept_alive(inside: str) -> None:
    import gc
    import weakref

    with Pool(1, backend=inside) as pool:  # type: ignore[arg-type]

        def local(number: int) -> int:
            return number

        gone = weakref.ref(local)
        pool.map(local, range(3))
        del local
        pool.map(work.square, range(3))
        gc.collect()
        assert gone() is None


def test_child_that_a_task_forks_ends_where_it_returns(inside_pool: Pool) -> None:
    def fork(how: str) -> int:
        pid = os.fork()
        if pid == 0:
            if how == "raise":
                sys.stderr = open(os.devnull, "w")  # the traceback would stand in our output
                raise ValueError("in the child")
            if how == "exit":
                sys.exit(5)
            return 0
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert inside_pool.map(fork, ["return", "raise", "exit"], chunksize=1) == [0, 1, 5]
    assert inside_pool.apply(fork, ("exit",)) == 5


def test_pool_is_unusable_in_a_forked_child(inside_pool: Pool) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            inside_pool.apply(work.square, (2,))
        except RuntimeError as error:
            os._exit(0 if "belongs to the parent process" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert inside_pool.apply(work.square, (2,)) == 4


def test_task_must_not_wait_for_its_own_pool_and_may_submit_to_it(inside_pool: Pool) -> None:
    later: list[Any] = []

    def use(_: object) -> str:
        later.append(inside_pool.apply_async(work.square, (5,)))
        later.append(inside_pool.map_async(work.square, range(50)))
        try:
            inside_pool.map(work.square, [1])
        except RuntimeError as error:
            return str(error)
        return "it waited"

    assert "must not wait for its own pool" in inside_pool.apply(use, (1,))
    assert later[0].get(10) == 25
    assert later[1].get(10) == [n * n for n in range(50)]


def test_worker_cannot_be_killed_by_itself(inside_pool: Pool) -> None:
    with pytest.raises(RuntimeError, match="lives in this process"):
        inside_pool._pool[0].terminate()


def test_large_objects_are_bounded_by_what_they_take(inside_pool: Pool) -> None:
    read = 0

    def source() -> Any:
        nonlocal read
        while True:
            read += 1
            yield bytes(1_000_000)

    iterator = inside_pool.imap(work.same, source())
    for _ in range(10):
        next(iterator)
    assert read < 100
    iterator.close()
