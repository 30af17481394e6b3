"""What a type checker must refuse; each line says so. mypy warns of an ignore that is not needed (--strict)."""

from __future__ import annotations

import procession
from procession import Pool


def halve(number: int) -> float:
    return number / 2


def mistakes(pool: Pool) -> None:
    pool.map(halve, ["a"])  # type: ignore[arg-type]
    pool.imap(halve, ["a"])  # type: ignore[arg-type]
    pool.map(halve, 3)  # type: ignore[call-overload]
    pool.map(halve, [1], outcomes="yes")  # type: ignore[call-overload]
    pool.submit(3)  # type: ignore[arg-type]
    Pool("2")  # type: ignore[arg-type]
    Pool(2, progress=3)  # type: ignore[arg-type]
    Pool(2, None, (), None, None, ["json"])  # type: ignore[call-arg]
    procession.map(3, [1])  # type: ignore[call-overload]
    procession.map(halve, ["a"])  # type: ignore[arg-type]
    procession.map(halve, [1], [2])  # type: ignore[arg-type]
    pool.map(procession.chunked(halve), [1])  # type: ignore[arg-type]
    Pool(max_rss=0.5)  # type: ignore[arg-type]
    Pool(progress="bar")  # type: ignore[arg-type]
    length: str = pool.map(len, ["a"])[0]  # type: ignore[assignment]
    print(length)


async def on_a_loop(pool: procession.aio.Pool) -> None:
    await pool.map(halve, ["a"])  # type: ignore[arg-type]
    pool.stream(halve, 3)  # type: ignore[call-overload]
    procession.aio.Pool("2")  # type: ignore[arg-type]
    text: str = await pool.apply(len, "a")  # type: ignore[arg-type]
    print(text)
