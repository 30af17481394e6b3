"""The initializer: it runs once in every worker, before any item; where it fails, the pool ends with its error."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import pytest

import procession
from tests.helpers.wait import wait_until

seen: list[Any] = []


def note(*values: Any) -> None:
    seen.append(values)


def what_was_seen(_: object = None) -> list[Any]:
    return seen


def leave_a_mark(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()


def fail(folder: str) -> None:
    leave_a_mark(folder)
    raise LookupError("no such model")


def end(folder: str, how: str) -> None:
    leave_a_mark(folder)
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.short
def test_it_runs_once_with_its_arguments(start_method: str | None) -> None:
    seen.clear()
    with procession.Pool(2, note, (1, "two"), context=start_method) as pool:
        assert pool.map(what_was_seen, range(10), chunksize=1) == [[(1, "two")]] * 10
        assert pool.apply(what_was_seen) == [(1, "two")]
    assert seen == []


def test_it_runs_in_every_worker_also_when_nothing_else_does(tmp_path: Path, start_method: str | None) -> None:
    pool = procession.Pool(3, leave_a_mark, (str(tmp_path),), context=start_method)
    pool.close()
    pool.join()
    assert len(os.listdir(tmp_path)) == 3


def test_replacements_run_it_too(tmp_path: Path) -> None:
    with procession.Pool(1, leave_a_mark, (str(tmp_path),), maxtasksperchild=2) as pool:
        pool.map(abs, range(10), chunksize=1)
        assert len(os.listdir(tmp_path)) >= 5


@pytest.mark.short
def test_its_error_ends_the_pool_at_the_first_call(tmp_path: Path, start_method: str | None) -> None:
    with procession.Pool(2, fail, (str(tmp_path),), context=start_method) as pool:
        for call in (
            lambda: pool.map(abs, [1]),
            lambda: list(pool.imap(abs, [1])),
            lambda: pool.apply(abs, (1,)),
            lambda: pool.apply_async(abs, (1,)).get(),
            lambda: pool.submit(abs, 1).result(),
        ):
            with pytest.raises(LookupError, match="no such model") as caught:
                call()
            text = "".join(traceback.format_exception(caught.value))
            assert "in fail" in text and 'raise LookupError("no such model")' in text, text
    assert len(os.listdir(tmp_path)) <= 2  # nobody was started in place of those that failed


@pytest.mark.parametrize("how", ["exit", "kill"])
def test_one_that_ends_its_process_is_tried_three_times(tmp_path: Path, start_method: str | None, how: str) -> None:
    status = r"exited with EXIT\(3\)" if how == "exit" else r"was killed by SIGKILL\(-9\)"
    with procession.Pool(1, end, (str(tmp_path), how), context=start_method) as pool:
        with pytest.raises(procession.StartFailed, match=rf"worker \d+ {status} before its initializer had ended"):
            pool.map(abs, [1])
        with pytest.raises(procession.StartFailed):
            pool.apply(abs, (1,))
    assert len(os.listdir(tmp_path)) == 3


def exit_politely(code: object) -> None:
    sys.exit(code)


@pytest.mark.parametrize("code", [0, 1, "text"])
def test_one_that_calls_sys_exit(code: object) -> None:
    with procession.Pool(2, exit_politely, (code,)) as pool, pytest.raises(procession.TaskExit) as caught:
        pool.map(abs, [1])
    assert caught.value.code == code


def wait_a_while(seconds: float) -> None:
    time.sleep(seconds)


def test_items_wait_for_a_slow_one() -> None:
    with procession.Pool(2, wait_a_while, (0.2,)) as pool:
        assert pool.map(abs, [-1, -2]) == [1, 2]


def test_terminate_does_not_wait_for_it() -> None:
    since = time.monotonic()
    with procession.Pool(2, wait_a_while, (30,)) as pool:
        result = pool.apply_async(abs, (1,))
    assert time.monotonic() - since < 1.0
    with pytest.raises(procession.PoolTerminated):
        result.get()


def test_one_that_cannot_be_pickled_fails_in_the_caller() -> None:
    with pytest.raises(TypeError, match="pickle"):
        procession.Pool(2, note, (sys._getframe(),), context="nursery")


def test_by_value() -> None:
    box: list[int] = []
    with procession.Pool(1, lambda value: box.append(value), (7,), context="nursery") as pool:
        wait_until(lambda: pool.apply(abs, (-1,)) == 1)
