"""What processes hold and what is available, on made-up systems: a folder stands for the root of the file system."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.launcher import memory
from procession.worker.weight import PAGE, own_bytes, parse_statm
from tests.helpers.wait import wait_until
from tests.launcher.test_host import UNLIMITED_V1, make_root, v1_root, v2_root

pytestmark = pytest.mark.short

NOBODY = 1 << 22  # beyond the highest process id that a system gives


def with_process(root: Path, pid: int, pages: int, shared: int = 0, children: str = "", parent: int = 1) -> None:
    folder = root / f"proc/{pid}/task/{pid}"
    folder.mkdir(parents=True)
    (root / f"proc/{pid}/statm").write_text(f"{9 * pages} {pages + shared} {shared} 1 0 5 0\n")
    (root / f"proc/{pid}/stat").write_text(f"{pid} (a (b) c) S {parent} 1 1 0\n")
    (folder / "children").write_text(children)


# One process.


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_what_is_shared_does_not_count(own: int, shared: int) -> None:
    assert parse_statm(b"99 %d %d 1 0 5 0" % (own + shared, shared)) == own * PAGE


@given(st.binary(max_size=40))
def test_any_text_is_read(text: bytes) -> None:
    assert parse_statm(text) >= 0


def test_a_process_that_is_gone_holds_nothing() -> None:
    assert own_bytes(NOBODY) == 0
    assert memory.descendants(NOBODY) == []
    assert memory.proportional_bytes(NOBODY) is None
    assert memory.parent(NOBODY) is None
    assert memory.Sizes().look([NOBODY]) == {NOBODY: 0}
    assert memory.Sizes().exact(NOBODY) == 0


def test_this_process() -> None:
    before = own_bytes("self")
    kept = bytearray(50_000_000)
    kept[::4096] = b"x" * len(kept[::4096])
    assert 40_000_000 < own_bytes(os.getpid()) - before < 80_000_000
    assert memory.parent(os.getpid()) == os.getppid()


def test_children_of_this_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert process.pid in memory.descendants(os.getpid())
        assert (memory.proportional_bytes(process.pid) or 0) >= 0
        process.communicate(b"\n")
    wait_until(lambda: process.pid not in memory.descendants(os.getpid()))


# Workers with their descendants.


def test_what_a_worker_was_born_with_does_not_count(tmp_path: Path) -> None:
    with_process(tmp_path, 1, 500)
    with_process(tmp_path, 7, 800, shared=10_000)
    with_process(tmp_path, 8, 300)
    assert memory.Sizes(str(tmp_path)).look([7, 8]) == {7: 300 * PAGE, 8: 0}


def test_descendants_count_from_the_second_look_on(tmp_path: Path) -> None:
    with_process(tmp_path, 7, 100, children="8 \n")
    with_process(tmp_path, 8, 1000, children="9")
    with_process(tmp_path, 9, 10)
    sizes = memory.Sizes(str(tmp_path))
    assert sizes.look([7]) == {7: 100 * PAGE}
    assert sizes.look([7]) == {7: 1110 * PAGE}
    assert sizes.exact(7) == 1110 * PAGE  # no smaps_rollup here
    for pid, share in ((7, 40), (8, 300), (9, 1)):
        (tmp_path / f"proc/{pid}/smaps_rollup").write_text(f"00-ff ---p [rollup]\nRss: 99 kB\nPss_Anon:   {share} kB\n")
    assert sizes.exact(7) == 341 * 1024
    sizes.forget()
    assert sizes.look([7]) == {7: 100 * PAGE}


# What is available.

MEMINFO = "MemTotal:       1000 kB\nMemFree:        1 kB\nMemAvailable:   {} kB\n"


def test_without_a_limit_it_is_the_machines(tmp_path: Path) -> None:
    files = {"proc/meminfo": MEMINFO.format(300), "memory/job/memory.limit_in_bytes": UNLIMITED_V1}
    assert memory.Available(v1_root(tmp_path, "/job", files))() == 300 * 1024


def test_the_tightest_cgroup_decides_without_its_old_page_cache_v2(tmp_path: Path) -> None:
    files = {
        "proc/meminfo": MEMINFO.format(3000),
        "a/b/memory.max": "900000",
        "a/b/memory.current": "500000",
        "a/b/memory.stat": "anon 100000\ninactive_file 50000\nactive_file 70000",
        "a/memory.max": "max",
        "memory.max": "800000",
        "memory.current": "799000",
        "memory.stat": "inactive_file 9000",
    }
    available = memory.Available(v2_root(tmp_path, "/a/b", files))
    assert available() == 10_000
    (tmp_path / "sys/fs/cgroup/memory.current").write_text("100000")
    assert available() == 450_000


def test_the_same_v1(tmp_path: Path) -> None:
    files = {
        "proc/meminfo": MEMINFO.format(3000),
        "memory/job/memory.limit_in_bytes": "900000",
        "memory/job/memory.usage_in_bytes": "880000",
        "memory/job/memory.stat": "inactive_file 1\ntotal_inactive_file 500000",
        "memory/memory.limit_in_bytes": UNLIMITED_V1,
    }
    assert memory.Available(v1_root(tmp_path, "/job", files))() == 520_000


def test_a_cgroup_that_uses_more_than_it_may_has_nothing_left(tmp_path: Path) -> None:
    files = {"memory.max": "1000", "memory.current": "5000", "memory.stat": "inactive_file 20"}
    assert memory.Available(v2_root(tmp_path, "/", files))() == 0


def test_where_nothing_is_told_all_is_available(tmp_path: Path) -> None:
    assert memory.Available(make_root(tmp_path, cgroup="", mounts="", files={}))() == memory.host.memory()
