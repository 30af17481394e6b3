"""Out of memory: in a real cgroup the kernel kills a worker, and its error says so; with a floor nobody is killed."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import procession
from procession.backends.causes import Causes
from procession.backends.link import Link
from tests.helpers.cgroups import small_cgroup
from tests.helpers.scripts import run_command, write_script
from tests.launcher.test_host import make_root, v1_root, v2_root

pytestmark = pytest.mark.limit(120)

GROWING = """
    import json, os, sys, time
    import procession

    def grow(megabytes):
        kept = bytearray(megabytes * 1_000_000)
        for start in range(0, len(kept), 1_000_000):
            kept[start : start + 1_000_000] = b"x" * 1_000_000
            time.sleep(0.001)
        time.sleep(0.3 * (megabytes > 50))
        return megabytes

    def fate(outcome):
        return outcome.result or [type(outcome.error).__name__, outcome.error.oom, str(outcome.error)]

    if __name__ == "__main__":
        sizes, options = json.loads(sys.argv[1]), json.loads(sys.argv[2])
        with procession.Pool(**options) as pool:
            print(json.dumps([*map(fate, pool.map(grow, sizes, chunksize=1, outcomes=True))]))
            print(json.dumps([*map(fate, pool.map(grow, [150], outcomes=True))]))
"""


@pytest.fixture
def cgroup() -> Iterator[Path]:
    with small_cgroup(300 << 20) as folder:
        yield folder


def run_in(cgroup: Path, folder: Path, sizes: list[int], **options: Any) -> list[Any]:
    script = write_script(folder, GROWING)
    enter = f'echo $$ > "{cgroup}/cgroup.procs" && exec "$@"'
    arguments = [sys.executable, str(script), json.dumps(sizes), json.dumps(options)]
    done = run_command(["/bin/sh", "-c", enter, "sh", *arguments], folder, timeout=60)
    assert done.returncode == 0, done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert second == [150], "the same item alone, in the same pool"
    return list(first)


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_killed_for_memory_says_so_and_the_item_works_alone(cgroup: Path, tmp_path: Path, context: str) -> None:
    fates = run_in(cgroup, tmp_path, [150, 150, 1, 1], processes=4, context=context)
    died = [fate for fate in fates if isinstance(fate, list)]
    assert died and fates[2:] == [1, 1]
    for kind, oom, text in died:
        assert (kind, oom) == ("WorkerDied", True)
        assert "out of memory: the kernel's OOM killer ended it (the cgroup's oom_kill count rose from " in text


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_with_a_floor_the_same_batch_runs_fewer_at_once(cgroup: Path, tmp_path: Path, context: str) -> None:
    sizes = [150, 150, 1, 150, 1, 1, 150, 150] + [1] * 20
    assert run_in(cgroup, tmp_path, sizes, processes=4, context=context, memory_floor="50MB") == sizes


# The counter.


def dead(exitcode: int) -> Any:
    link = Link.__new__(Link)
    link.exitcode, link.mute, link.why = exitcode, False, None
    return link


@pytest.mark.parametrize("version", [1, 2])
def test_each_death_accounts_for_one_of_the_count(tmp_path: Path, version: int) -> None:
    def write(count: int) -> str:
        if version == 1:
            return v1_root(tmp_path, "/job", {"memory/job/memory.oom_control": f"under_oom 0\noom_kill {count}"})
        return v2_root(tmp_path, "/job", {"job/memory.events": f"oom {count}\noom_kill {count}"})

    causes = Causes(write(3))
    assert causes.of(dead(-signal.SIGKILL)) == (
        "killed from outside? the cgroup's oom_kill count is 3 as before",
        False,
    )
    write(5)
    assert causes.of(dead(-signal.SIGSEGV)) == (None, None)
    for before in (3, 4):
        text = f"out of memory: the kernel's OOM killer ended it (the cgroup's oom_kill count rose from {before} to 5)"
        assert causes.of(dead(-signal.SIGKILL)) == (text, True)
    assert causes.of(dead(-signal.SIGKILL))[1] is False


def test_where_nothing_counts_nothing_is_claimed(tmp_path: Path) -> None:
    text, oom = Causes(make_root(tmp_path, cgroup="", mounts="", files={})).of(dead(-signal.SIGKILL))
    assert oom is None and text is not None and text.startswith("out of memory, or killed from outside?")


def kill_myself(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_was_killed_from_outside_is_no_victim_of_want_of_memory() -> None:
    with procession.Pool(1) as pool, pytest.raises(procession.WorkerDied, match="killed from outside") as caught:
        pool.map(kill_myself, [1])
    assert caught.value.oom in (False, None)
