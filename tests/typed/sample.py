"""What a type checker sees of procession: read by mypy --strict (test_typing.py), never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, assert_type

import procession
from procession import AsyncResult, Failure, Outcome, Pool, Run, Stream
from procession.results import ResultIterator


def halve(number: int) -> float:
    return number / 2


def join(first: str, second: int) -> str:
    return first * second


def scale(number: int, *, by: int) -> float:
    return number * by


def halves(numbers: Sequence[int]) -> list[float]:
    return [number / 2 for number in numbers]


@procession.chunked
def length(texts: list[str]) -> list[int]:
    return list(map(len, texts))


def lines() -> Iterator[str]:
    yield "a"


async def slow_lines() -> AsyncIterator[str]:
    yield "a"


async def fetch(name: str) -> bytes:
    return name.encode()


def policies(pool: Pool) -> None:
    assert_type(procession.map(halve, [1], retries=2), list[float])
    assert_type(procession.map(halve, [1], time_limit="300%", retry_on=OSError, halt="soon,fail=3"), list[float])
    assert_type(procession.map(halve, [1], outcomes=True, retry_on=lambda one: not one.ok), list[Outcome[float]])
    assert_type(procession.stream(halve, [1], soft_time_limit=1, priority=lambda number: number), Stream[float])
    assert_type(procession.stream(halve, [1], retries=1).stop(now=True), None)
    assert_type(procession.stream(halve, [1], total_time_limit=3.5).cancel(3), None)
    assert_type(pool.map(halve, [1], retries=2, retry_deaths=1, backoff=0.5), list[float])
    assert_type(pool.imap(halve, [1], max_per_second=5, max_errors=3), ResultIterator[float])
    assert_type(pool.imap_unordered(halve, [1], outcomes=True, time_limit=3), ResultIterator[Outcome[float]])
    assert_type(pool.starmap(join, [("a", 2)], time_limit=3), list[str])
    assert_type(pool.map_async(halve, [1], time_limit=3), AsyncResult[list[float]])


def calls(pool: Pool) -> None:
    assert_type(pool.map(len, ["a"]), list[int])
    assert_type(pool.map(halve, range(3), 2), list[float])
    assert_type(pool.map(lambda text: text.upper(), lines()), list[str])
    assert_type(pool.map(len, ["a"], outcomes=True), list[Outcome[int]])
    assert_type(pool.map_async(len, ["a"]), AsyncResult[list[int]])
    assert_type(pool.map_async(len, ["a"], outcomes=True), AsyncResult[list[Outcome[int]]])
    assert_type(pool.map_async(len, ["a"], callback=print, error_callback=print).get(timeout=1.5), list[int])
    assert_type(pool.starmap(join, [("a", 2)]), list[str])
    assert_type(pool.starmap(join, [("a", 2)], outcomes=True), list[Outcome[str]])
    assert_type(pool.starmap_async(join, [("a", 2)]), AsyncResult[list[str]])
    assert_type(pool.starmap_async(join, [("a", 2)], outcomes=True), AsyncResult[list[Outcome[str]]])
    assert_type(pool.apply(halve, (3,)), float)
    assert_type(pool.apply(halve, (3,), outcomes=True), Outcome[float])
    assert_type(pool.apply(halve, (), {"number": 3}), float)
    assert_type(pool.apply_async(halve, (3,)), AsyncResult[float])
    assert_type(pool.apply_async(halve, (3,), outcomes=True), AsyncResult[Outcome[float]])
    assert_type(pool.submit(halve, 3), Future[float])


def iterators(pool: Pool) -> None:
    assert_type(pool.imap(len, lines()), ResultIterator[int])
    assert_type(pool.imap_unordered(len, lines(), 3), ResultIterator[int])
    assert_type(pool.imap(len, lines(), outcomes=True), ResultIterator[Outcome[int]])
    assert_type(pool.imap_unordered(len, lines(), outcomes=True), ResultIterator[Outcome[int]])
    assert_type(next(pool.imap(len, lines())), int)
    assert_type(pool.imap(len, lines()).next(timeout=1), int)
    for length in pool.imap(len, lines()):
        assert_type(length, int)


def results(result: AsyncResult[int]) -> None:
    assert_type(result.get(1), int)
    assert_type(result.ready(), bool)
    assert_type(result.successful(), bool)
    assert_type(result.wait(0.5), None)


def without_a_pool() -> None:
    assert_type(procession.map(len, ["a"]), list[int])
    assert_type(procession.map(join, ["a"], [1]), list[str])
    assert_type(procession.map(len, ["a"], outcomes=True), list[Outcome[int]])
    assert_type(procession.stream(len, ["a"]), Stream[int])
    assert_type(procession.stream(len, ["a"], ordered=False, outcomes=True), Stream[Outcome[int]])
    with procession.stream(halve, [1]) as stream:
        assert_type(stream, Stream[float])
        assert_type(next(stream), float)
    assert_type(procession.map(lambda a, b, c: f"{a}{b}{c}", [1], "a", [2.0]), list[str])
    assert_type(procession.map(scale, [1], [2], [3], [4], [5]), list[float])  # more than three are not looked at
    assert_type(procession.map(scale, [1], kwargs={"by": 2}, processes=2, seed=1), list[float])
    assert_type(procession.stream(join, lines(), [1]), Stream[str])
    assert_type(procession.stream(join, lines(), [1], outcomes=True, progress="tqdm"), Stream[Outcome[str]])
    assert_type(procession.failure(ValueError()), Failure | None)


def durable(run: Run[int]) -> None:
    assert_type(procession.run(len, ["a"]), Run[int])
    assert_type(procession.run(halve, [1], journal="x", key=str, retries=2, processes=3), Run[float])
    assert_type(run.counts.done, int)
    assert_type(list(run.results()), list[tuple[Any, int | BaseException]])
    for failed in run.failures():
        assert_type(failed.error_message, str | None)
    with procession.Run.open("x") as opened:
        assert_type(opened, Run[Any])
        assert_type(opened.export("out.csv", format="csv"), int)
    assert_type(procession.file_key("a", checksum=True), bytes)


def together(pool: Pool) -> None:
    assert_type(pool.map(procession.chunked(halves), range(3)), list[float])
    assert_type(pool.map(length, ["a"]), list[int])
    assert_type(list(pool.imap(length, lines())), list[int])
    assert_type(pool.map(scale, [1], kwargs={"by": 2}), list[float])
    assert_type(pool.map_async(scale, [1], kwargs={"by": 2}, outcomes=True), AsyncResult[list[Outcome[float]]])
    assert_type(pool.starmap(join, [("a", 2)], kwargs={}), list[str])
    assert_type(pool.resize(3), None)


def outcomes(outcome: Outcome[int]) -> None:
    assert_type(outcome.value, int)
    assert_type(outcome.result, int | None)
    assert_type(outcome.error, BaseException | None)
    assert_type(outcome.item, Any)
    assert_type(outcome.index, int)
    assert_type(outcome.seconds, float | None)
    assert_type(outcome.worker, int | None)


def options() -> None:
    def report(ended: int, failed: int, total: int | None) -> None: ...

    with Pool(2, initializer=print, initargs=(1,), maxtasksperchild=3, context="spawn", preload=["json"]) as pool:
        assert_type(pool, Pool)
    Pool(progress=True)
    Pool(progress=report, idle_timeout=60)
    Pool(progress="rich")
    context = procession.get_context("fork")
    context.Pool(2)


async def on_a_loop() -> None:
    async with procession.aio.Pool(2, kill_on_cancel=True, context="spawn", preload=["json"]) as pool:
        assert_type(pool, procession.aio.Pool)
        assert_type(await pool.apply(len, "a"), int)
        assert_type(await pool.apply(halve, number=3), float)
        assert_type(await pool.apply(fetch, "a", kill_on_cancel=False), bytes)
        assert_type(await pool.map(len, ["a"]), list[int])
        assert_type(await pool.map(len, slow_lines(), 3), list[int])
        assert_type(await pool.map(fetch, lines()), list[bytes])
        assert_type(await pool.map(len, ["a"], outcomes=True), list[Outcome[int]])
        assert_type(await pool.map(fetch, ["a"], outcomes=True), list[Outcome[bytes]])
        assert_type(await pool.starmap(join, [("a", 2)]), list[str])
        assert_type(await pool.starmap(join, [("a", 2)], outcomes=True), list[Outcome[str]])
        assert_type(pool.stream(len, ["a"]), procession.aio.Stream[int])
        async for length in pool.stream(len, ["a"]):
            assert_type(length, int)
        async for data in pool.stream(fetch, slow_lines(), ordered=False, chunksize=2):
            assert_type(data, bytes)
        async for outcome in pool.stream(len, slow_lines(), outcomes=True):
            assert_type(outcome, Outcome[int])
        pool.close()
        assert_type(await pool.join(), None)


class Adder(procession.Process):
    def run(self) -> Any:  # `int` would contradict typeshed's `None`
        return 3


def processes() -> None:
    assert_type(procession.Process(target=len, args=("a",)).result(timeout=1), int)
    assert_type(procession.Process(None, halve, "name", (3,)).result(), float)
    assert_type(Adder(name="adder", daemon=True).result(), Any)
    assert_type(Adder().exception(), BaseException | None)
    assert_type(Adder().exitcode, int | None)
