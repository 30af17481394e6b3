"""Workers are kept for the next call that wants the same kind, and end when nobody comes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from joblib import Parallel, delayed, parallel_config

import procession.joblib
from tests.helpers import processes
from tests.helpers.scripts import Finished
from tests.helpers.wait import wait_until
from tests.joblib import functions as work

pytestmark = pytest.mark.limit(60)


def pids(n_jobs: int = 2) -> set[int]:
    """The workers of a call, both at work."""
    with parallel_config(backend="procession"):
        return set(Parallel(n_jobs=n_jobs, batch_size=1)(delayed(work.pid)() for _ in range(200)))


@pytest.mark.short
def test_next_call_finds_the_workers_of_the_last() -> None:
    assert pids() & pids()


def test_another_kind_of_call_gets_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = [pids()]
    seen.append(pids(3))
    monkeypatch.setenv("COLOUR", "red")
    seen.append(pids(3))
    monkeypatch.syspath_prepend(tmp_path)
    seen.append(pids(3))
    monkeypatch.chdir(tmp_path)
    seen.append(pids(3))
    assert len(set().union(*seen)) == sum(map(len, seen))
    wait_until(lambda: not any(processes.running(pid) for group in seen[:-1] for pid in group))


def test_close_ends_them() -> None:
    kept = pids()
    procession.joblib.close()
    assert not any(map(processes.running, kept))
    assert pids()


def test_idle_workers_end_by_themselves() -> None:
    with parallel_config(backend="procession", n_jobs=2, idle_worker_timeout=0.05):
        kept = set(Parallel()(delayed(work.pid)() for _ in range(10)))
    wait_until(lambda: not any(map(processes.running, kept)))


def test_worker_killed_while_idle_costs_nothing() -> None:
    kept = pids()
    for pid in kept:
        os.kill(pid, 9)
    assert pids()


def test_nothing_is_left_at_exit(run_script: Callable[..., Finished]) -> None:
    done = run_script("""
        import os
        from joblib import Parallel, delayed, parallel_config
        import procession.joblib
        with parallel_config(backend="procession", n_jobs=2):
            print(*Parallel()(delayed(lambda n: os.getpid())(n) for n in range(20)))
    """)
    assert done.returncode == 0 and done.stderr == ""
    workers = set(map(int, done.stdout.split()))
    assert workers
    wait_until(lambda: not any(map(processes.running, workers)))
