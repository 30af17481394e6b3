"""Programs that had `multiprocessing` in place of `procession`, as a type checker sees them: read by mypy --strict and
pyright (test_typing.py), never run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from multiprocessing.context import ForkContext, SpawnContext
from multiprocessing.managers import SyncManager
from multiprocessing.pool import ThreadPool as StandardThreadPool
from typing import Any, assert_type

import procession
import procession as mp
import procession.connection
import procession.managers
import procession.pool
from procession import Outcome, ProcessPoolExecutor, aio
from procession.connection import Client, Connection, Listener, wait
from procession.context import NurseryContext
from procession.dummy import Pool as DummyPool
from procession.managers import BaseManager, Namespace
from procession.pool import Pool, ThreadPool
from procession.process import BaseProcess
from procession.queues import JoinableQueue
from procession.queues import Queue as QueueClass
from procession.shared_memory import ShareableList, SharedMemory
from procession.sharedctypes import Synchronized
from procession.synchronize import Lock as LockClass


def work(number: int, text: str) -> float:
    return number * float(text)


def processes() -> None:
    process = mp.Process(target=work, args=(1, "2"), kwargs={}, name="one", daemon=True)
    process.start()
    process.join(1.5)
    assert_type(process.exitcode, int | None)
    assert_type(process.pid, int | None)
    assert_type(process.is_alive(), bool)
    assert_type(process.exception(timeout=1), BaseException | None)
    assert_type(process.result(), float)
    parent: BaseProcess | None = mp.parent_process()
    children: list[BaseProcess] = mp.active_children()
    print(parent, children, mp.current_process().name)


def say(connection: Connection[Any, Any]) -> None:
    connection.send("hello")


class Worker(mp.Process):
    def run(self) -> Any:  # what it returns is the result; the standard library says None
        return 3


def shared() -> None:
    queue: QueueClass[int] = mp.Queue(3)
    queue.put(1)
    assert_type(queue.get(timeout=1), int)
    joinable: JoinableQueue[str] = mp.JoinableQueue()
    joinable.task_done()
    lock: LockClass = mp.Lock()
    with lock, mp.RLock(), mp.Semaphore(2), mp.BoundedSemaphore(), mp.Condition():
        pass
    counter: Synchronized[int] = mp.Value("i", 0)
    counter.value += 1
    first, second = mp.Pipe(duplex=False)
    first.send(1)
    assert_type(second.poll(0.1), bool)
    assert_type(mp.Event().is_set(), bool)
    assert_type(mp.Barrier(2).wait(), int)
    print(mp.Array("d", [1.0]), mp.RawArray("i", 3), mp.RawValue("i", 0), mp.SimpleQueue())
    block = SharedMemory(create=True, size=8)
    assert_type(block.size, int)
    words = ShareableList(["a", "b"])
    assert_type(words[0], str)


def settings() -> None:
    mp.set_start_method("spawn", force=True)
    assert_type(mp.get_all_start_methods(), list[str])
    assert_type(mp.cpu_count(), int)
    assert_type(mp.get_logger(), logging.Logger)
    mp.freeze_support()
    mp.log_to_stderr(logging.INFO)
    mp.set_forkserver_preload(["json"])
    mp.set_executable("python3")
    mp.allow_connection_pickling()
    print(mp.get_start_method(allow_none=True), mp.reducer)
    errors: list[type[Exception]] = [mp.ProcessError, mp.BufferTooShort, mp.TimeoutError, mp.AuthenticationError]
    print(errors)


def contexts() -> None:
    forks: ForkContext = mp.get_context("fork")
    spawns: SpawnContext = mp.get_context("spawn")
    assert_type(mp.get_context("nursery"), NurseryContext)
    with mp.get_context("spawn").Pool(2) as pool:
        assert_type(pool, Pool)
    with mp.get_context().Pool(2) as pool:
        assert_type(pool.map(len, ["a"]), list[int])
    process = mp.get_context("forkserver").Process(target=print)
    process.start()
    print(forks, spawns, mp.get_context("spawn").Queue(), mp.get_context().Lock())


def managers() -> None:
    class Mine(BaseManager):
        pass

    Mine.register("Counter", int)
    with mp.Manager() as manager:
        holder: SyncManager = manager
        values = holder.dict(a=1)
        assert_type(values["a"], int)
        names: Namespace = holder.Namespace()
        names.anything = 1
        holder.list([1]).append(2)
        print(holder.Lock(), holder.Queue(), holder.Event())
        assert_type(manager.list([1])[0], int)
        assert_type(manager.dict({"a": 1}).get_many(["a"]), list[Any])
        assert_type(manager.set([1]).union([2]), set[Any])
        assert_type(manager.Counter("a").most_common(1), list[tuple[str, int]])
        assert_type(manager.deque([1]).popleft(), int)
        assert_type(manager.Lock().abandoned, bool)


def connections() -> None:
    with Listener(("localhost", 0), authkey=b"secret") as listener:
        client = Client(listener.address)
        accepted = listener.accept()
        print(wait([client, accepted], timeout=1))


def threads() -> None:
    pool: StandardThreadPool = ThreadPool(2)
    assert_type(pool.map(len, ["a"]), list[int])
    DummyPool(2).close()


def submit(executor: Executor) -> Future[float]:
    return executor.submit(work, 1, "2")


def executors() -> None:
    with ProcessPoolExecutor(2, mp_context=mp.get_context("spawn"), max_tasks_per_child=3) as executor:
        assert_type(executor, ProcessPoolExecutor)
        assert_type(executor.submit(work, 1, text="2"), Future[float])
        assert_type(executor.submit(len, "a").result(), int)
        assert_type(executor.map(len, ["a"], timeout=3, chunksize=2), Iterator[int])
        assert_type(executor.map(work, [1], ["2"], buffersize=4), Iterator[float])
        assert_type(submit(executor), Future[float])
        executor.shutdown(wait=False, cancel_futures=True)
    ProcessPoolExecutor(2, "fork", print, ("a",), backend="threads").kill_workers()


def without_a_pool(text: str) -> None:
    assert_type(procession.map(work, [1], ["2"]), list[float])
    assert_type(procession.map(max, [1], [2], [3]), list[int])
    assert_type(procession.map(len, [text], processes=2, backend="serial"), list[int])
    for number in procession.stream(work, [1], ["2"]):
        assert_type(number, float)
    procession.cancel(Pool(2).submit(len, text))


async def sleepy(number: int) -> str:
    return str(number)


async def awaited(pool: aio.Pool) -> None:
    async with aio.Pool(2) as other:
        assert_type(other, aio.Pool)
    assert_type(await pool.apply(len, "a"), int)
    assert_type(await pool.apply(sleepy, 3), str)
    assert_type(await pool.map(len, ["a"]), list[int])
    assert_type(await pool.starmap(work, [(1, "2")]), list[float])
    assert_type(await pool.map(len, ["a"], outcomes=True), list[Outcome[int]])
    assert_type(await pool.map(int, ["1"], kwargs={"base": 8}), list[int])
    assert_type(await pool.map(sleepy, [1], kwargs={}, outcomes=True), list[Outcome[str]])
    async for outcome in pool.stream(int, ["1"], kwargs={"base": 8}, outcomes=True):
        assert_type(outcome, Outcome[int])
    async for length in pool.stream(len, ["a"]):
        assert_type(length, int)


def shared_data() -> None:
    handle = procession.share([1, 2])
    assert_type(handle, procession.Shared[list[int]])
    assert_type(handle.value, list[int])
    words: procession.SharedDict[str, int] = procession.SharedDict()
    assert_type(words["a"], int)
    assert_type(words.update_with("a", lambda seen: seen + 1, default=0), int)
    with procession.Pool(max_shared=1 << 30, max_rss="25%", max_rss_hard=1 << 31, memory_floor="2GB") as pool:
        assert_type(pool.map(len, ["a"]), list[int])


def whole_names() -> None:
    print(procession.pool.ThreadPool, procession.connection.wait, procession.managers.SyncManager)
