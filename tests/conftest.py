"""What holds for every test: nothing is left behind, nothing runs for ever; and the fixtures that many tests share."""

from __future__ import annotations

import faulthandler
import functools
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers import leaks, processes, scripts
from tests.helpers.watchdog import STACKS_SIGNAL, Watchdog

LIMIT = 120.0  # seconds for a test with no `limit` marker
START_METHODS = (None, "nursery", "fork", "forkserver", "spawn")

watchdog_key = pytest.StashKey[Watchdog]()


def pytest_configure(config: pytest.Config) -> None:
    processes.mark_environment()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job, and all that it starts
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.setdefault("PYTHONFAULTHANDLER", "1")  # stacks of children too, when a test runs too long
    stderr = os.dup(2)  # nothing is captured yet
    faulthandler.register(STACKS_SIGNAL, file=stderr, all_threads=True)
    config.stash[watchdog_key] = Watchdog(stderr)


def pytest_unconfigure(config: pytest.Config) -> None:
    if watchdog := config.stash.get(watchdog_key, None):
        watchdog.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    marker = item.get_closest_marker("limit")
    watchdog = item.config.stash[watchdog_key]
    watchdog.arm(marker.args[0] if marker else LIMIT, item.nodeid)
    try:
        return (yield)
    finally:
        watchdog.disarm()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Fail a test that leaves a process, a descriptor, a thread or a segment behind."""
    before = leaks.snapshot()
    yield
    found = leaks.left_since(before)
    if found:
        pytest.fail("left behind:\n  " + "\n  ".join(found), pytrace=False)


@pytest.fixture(params=START_METHODS, ids=lambda method: method or "default")
def start_method(request: pytest.FixtureRequest) -> str | None:
    """Each value that `context=` may have."""
    method: str | None = request.param
    return method


@pytest.fixture
def run_script(tmp_path: Path) -> Callable[..., scripts.Finished]:
    """`run_script(text, timeout=60, flags=(), arguments=(), environ=None, stdin=None)` in the test's own folder."""
    return functools.partial(scripts.run_script, folder=tmp_path)
