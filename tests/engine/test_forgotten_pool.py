"""A pool that nobody closes: its workers end, the exit never hangs, and nothing but the usual warning is said."""

from __future__ import annotations

import gc
import os
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import procession
from tests.helpers import processes, scripts
from tests.helpers.tasks import worker_pid
from tests.helpers.wait import wait_until

OPEN_AT_EXIT = {
    "global": "pool = procession.Pool(2, context=method); pool.map(abs, [-1])",
    "not used": "pool = procession.Pool(4, context=method)",
    "in a reference cycle": "a = type('A', (), {})(); a.pool = procession.Pool(2, context=method); a.self = a",
    "busy": "pool = procession.Pool(2, context=method); results = pool.map_async(time.sleep, [30] * 10000)",
    "with an endless input": """
        import itertools
        pool = procession.Pool(2, context=method)
        results = pool.imap(abs, itertools.count())
        next(results)
    """,
    "in the hands of a thread": """
        import threading
        pool = procession.Pool(2, context=method)
        threading.Thread(target=lambda: (time.sleep(0.1), pool.map(abs, [-1]))).start()
    """,
    "used by an exit handler": """
        import atexit
        pool = procession.Pool(2, context=method)
        atexit.register(lambda: pool.map(abs, [-1]))
    """,
    "two of them": "pools = [procession.Pool(2, context=method), procession.Pool(1, context='nursery')]",
}
EXIT_SECONDS = 5.0  # a busy machine starts an interpreter slowly; a hang lasts for ever


def run(run_script: Callable[..., scripts.Finished], text: str, method: str | None, *flags: str) -> scripts.Finished:
    lines = textwrap.dedent(text).strip()
    script = f"import time\nimport procession\nmethod = {method!r}\n{lines}\nprint('end', flush=True)\n"
    return run_script(script, flags=flags, timeout=EXIT_SECONDS)


@pytest.mark.parametrize("text", OPEN_AT_EXIT.values(), ids=OPEN_AT_EXIT)
def test_open_at_exit(run_script: Callable[..., scripts.Finished], text: str) -> None:
    finished = run(run_script, text, None)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "end\n", "")
    finished = run(run_script, text, None, "-W", "always::ResourceWarning")
    assert (finished.returncode, finished.stdout) == (0, "end\n")
    for line in finished.stderr.splitlines():
        assert "ResourceWarning: unclosed running multiprocessing pool <procession.pool.Pool state=RUN" in line


@pytest.mark.short
@pytest.mark.parametrize("name", ["global", "busy"])
def test_open_at_exit_under_every_method(
    run_script: Callable[..., scripts.Finished], start_method: str | None, name: str
) -> None:
    finished = run(run_script, OPEN_AT_EXIT[name], start_method)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "end\n", "")


def test_an_error_of_the_script_is_its_exit_status(run_script: Callable[..., scripts.Finished]) -> None:
    finished = run(run_script, "pool = procession.Pool(2)\nraise SystemExit(3)", None)
    assert (finished.returncode, finished.stderr) == (3, "")


def test_collected_pool_warns_and_ends(start_method: str | None) -> None:
    def make() -> list[int]:
        pool = procession.Pool(2, context=start_method)
        assert pool.apply(abs, (-1,)) == 1
        return pool.map(worker_pid, range(20), chunksize=1)

    with pytest.warns(ResourceWarning, match="unclosed running multiprocessing pool"):
        workers = make()
        gc.collect()
    wait_until(lambda: not any(map(processes.running, workers)), message="the workers of the collected pool have ended")


def test_a_closed_pool_that_is_forgotten_still_works_off_its_items(tmp_path: Path) -> None:
    def make() -> procession.AsyncResult[list[None]]:
        pool = procession.Pool(2)
        results = pool.map_async(leave_a_mark, [str(tmp_path / str(number)) for number in range(10)])
        pool.close()
        return results

    make().get()
    assert len(os.listdir(tmp_path)) == 10


def leave_a_mark(path: str) -> None:
    time.sleep(0.01)
    open(path, "w").close()


def test_results_keep_a_forgotten_pool_alive() -> None:
    with pytest.warns(ResourceWarning):
        results = procession.Pool(2).map_async(abs, range(-1000, 0))
        gc.collect()
        assert results.get() == list(range(1000, 0, -1))
        iterator = procession.Pool(2).imap(abs, range(-1000, 0))
        gc.collect()
        assert list(iterator) == list(range(1000, 0, -1))
        assert procession.Pool(1).apply_async(abs, (-1,)).get() == 1
        assert procession.Pool(1).submit(abs, -1).result() == 1
        del results, iterator
        gc.collect()


# Ends, in every order.


def test_terminate_returns_at_once_with_much_to_do(start_method: str | None) -> None:
    pool = procession.Pool(2, context=start_method)
    results = pool.map_async(time.sleep, [300] * 10_000)
    singles = [pool.apply_async(time.sleep, (300,)) for _ in range(100)]
    since = time.monotonic()
    pool.terminate()
    assert time.monotonic() - since < 1.0
    for each in (results, *singles):
        with pytest.raises(procession.PoolTerminated):
            each.get(1)
    pool.terminate()
    pool.close()
    pool.join()
    pool.join()


def test_ends_in_every_order() -> None:
    with procession.Pool(1) as pool:
        with pytest.raises(ValueError, match="still running"):
            pool.join()
        result = pool.apply_async(abs, (-1,))
        pool.close()
        pool.close()
        for call in (pool.map, pool.imap, pool.map_async):
            with pytest.raises(ValueError, match="not running"):
                call(abs, [1])
        with pytest.raises(ValueError, match="not running"):
            pool.apply(abs, (1,))
        pool.join()
        pool.terminate()
        pool.terminate()
        pool.join()
        assert result.get() == 1
    with pytest.raises(ValueError, match="not running"):
        pool.__enter__()
