"""Event loops to run tests on: asyncio's own and, where it is installed, uvloop's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

SECONDS = 40.0  # a main coroutine may take so long

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def _factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if name == "asyncio":
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = pytest.importorskip("uvloop").new_event_loop
    return factory


@pytest.fixture(scope="session", autouse=True)
def what_uvloop_keeps() -> None:
    """Let libuv open its pipe for signals, which stays open as long as the process lives."""
    try:
        import uvloop
    except ImportError:
        return
    uvloop.new_event_loop().close()


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """As `asyncio.run`, with a time limit, on each kind of loop."""
    factory = _factory(request.param)

    def on_a_loop(main: Coroutine[Any, Any, Any]) -> Any:
        async def limited() -> Any:
            async with asyncio.timeout(SECONDS):
                return await main

        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(limited())

    return on_a_loop
