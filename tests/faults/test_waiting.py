"""A caller that waits for one item hears of it, whichever worker runs it in the end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import procession
from procession.engine.loop import Loan
from tests.helpers.wait import wait_until

LONG = 20.0
pytestmark = pytest.mark.limit(30)


def wait_for(path: str) -> str:
    """Wait until a file is there."""
    wait_until(Path(path).exists, LONG)
    return path


def quick(number: int) -> int:
    return number


@pytest.mark.parametrize("ask", ["submit", "apply_async"])
def test_item_behind_a_long_one_is_heard_of_when_another_worker_has_run_it(tmp_path: Path, ask: str) -> None:
    def start(pool: procession.Pool, function: Callable[[Any], Any], item: Any) -> Callable[[], Any]:
        return pool.submit(function, item).result if ask == "submit" else pool.apply_async(function, (item,)).get

    with procession.Pool(2) as pool:
        for number in range(30):  # so that they are known to be short, and two wait in each worker
            start(pool, quick, number)()
        for turn in range(5):
            first, second = str(tmp_path / f"{turn}-1"), str(tmp_path / f"{turn}-2")
            held = [start(pool, wait_for, first), start(pool, wait_for, second)]
            behind = [start(pool, quick, number) for number in range(4)]
            Path(second).touch()  # its worker takes over what waits behind the other one
            begin = time.monotonic()
            assert [each() for each in behind] == list(range(4))
            assert time.monotonic() - begin < LONG / 2
            Path(first).touch()
            assert [each() for each in held] == [first, second]


def test_many_futures_in_a_row_are_all_heard_of() -> None:
    with procession.Pool(2) as pool:
        for _ in range(300):
            futures = [pool.submit(quick, number) for number in range(12)]
            assert [each.result() for each in futures] == list(range(12))


@pytest.mark.parametrize("then", ["call", "close", "terminate"])
def test_worker_that_dies_as_its_caller_gives_its_channel_back_is_buried(then: str) -> None:
    with procession.Pool(1) as pool:
        pid = pool.apply(os.getpid)
        loop = pool._engine._loop
        (link,) = loop.backend.links.values()
        with loop.lock:
            loan = Loan(None)  # type: ignore[arg-type]
            loop.lend(link, loan)  # as a caller has it that has just read its outcome
            assert loan.link is link
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: link.ended)
        with loop.lock:
            loan.give_back(loop.backend, loop.sent)
        if then == "call":
            assert pool.apply_async(os.getpid).get(10) != pid
        else:
            getattr(pool, then)()
            pool.join()
