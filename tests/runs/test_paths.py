"""A journal, however it is called, wherever the program goes; what stands beside it."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import procession
from procession.runs import lock, payloads
from procession.runs.errors import JournalHeld
from procession.runs.live import LiveRun
from procession.runs.payloads import Folder
from tests.helpers.scripts import SRC
from tests.runs.work import double, large


def test_program_may_go_to_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()

    def items() -> Iterator[int]:
        yield 1
        os.chdir("other")
        yield 2

    with procession.run(large, items(), journal="run.db", backend="serial") as run:
        assert [result for _, result in run.results()] == [large(1), large(2)]
    with procession.Run.open("../run.db") as run:
        os.chdir("/")
        assert [result for _, result in run.results()] == [large(1), large(2)]
    assert os.listdir(tmp_path / "other") == []
    assert not (tmp_path / "run.db.lock").exists()


def test_link_is_the_journal_that_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    journal, link = tmp_path / "there" / "run.db", tmp_path / "link.db"
    link.symlink_to(journal)
    procession.run(large, [1], journal=link, backend="serial").close()
    for path in (journal, link):
        with procession.Run.open(path) as run:
            assert list(run.results()) == [(1, large(1))]
    script = f"""
from procession.runs.live import LiveRun
with LiveRun({str(journal)!r}, print, []):
    pass
"""
    with LiveRun(link, large, [1]):
        assert lock.is_held(str(journal)) and lock.is_held(str(link))
        with pytest.raises(JournalHeld):
            LiveRun(journal, large, [1]).__enter__()
        other = [sys.executable, "-c", script]
        done = subprocess.run(other, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(SRC)})
    assert "JournalHeld" in done.stderr


def test_name_that_is_no_text(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.db"
    for journal in (os.fsdecode(name), name):
        with procession.run(double, [1], journal=journal, backend="serial") as run:  # type: ignore[arg-type]
            assert list(run.results()) == [(1, 2)]


def test_number_of_any_length(tmp_path: Path) -> None:
    item = 10**5000
    with procession.run(double, [item, 1], journal=tmp_path / "run.db", backend="serial") as run:
        assert list(run.results()) == [(item, 2 * item), (1, 2)]
        assert len(next(iter(run.table())).name) < 100


def test_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path / "run.db"))
    folder.keep(b"x" * 2 * payloads.INLINE, "small")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            folder.keep(b"x" * 200_000, "large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(folder.path) == ["small"]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_new_folder_of_large_results_is_synced_in_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []

    def fsync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        original(descriptor)

    original = os.fsync
    monkeypatch.setattr(os, "fsync", fsync)
    folder = Folder(str(tmp_path / "run.db"))
    folder.keep(b"x" * 2 * payloads.INLINE, "name")
    folder.sync()
    assert synced == [str(tmp_path), f"{folder.path}/name.part", folder.path]


def test_forked_child_that_ends_leaves_the_run_to_its_parent(tmp_path: Path) -> None:
    script = """
import os, sys
from procession.runs.live import LiveRun
from procession.runs import lock
with LiveRun("run.db", abs, [-1, -2, -3], options={"backend": "serial"}) as live:
    next(live)
    child = os.fork()
    if child == 0:
        sys.exit(7)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    found = os.path.exists("run.db.lock")
    print(status, found, len(list(live)))
"""
    environ = {**os.environ, "PYTHONPATH": str(SRC)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environ, cwd=tmp_path, timeout=60
    )
    assert (done.stdout, done.returncode) == ("7 True 2\n", 0), done.stderr
    with procession.Run.open(tmp_path / "run.db") as run:
        assert run.counts == (3, 3, 0, 0, True)


def test_run_that_nobody_keeps_is_closed(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        procession.run(double, [1], journal=tmp_path / "run.db", backend="serial")
        gc.collect()
    assert not [name for name in os.listdir("/proc/self/fd") if _leads_to(name, tmp_path / "run.db")]


def _leads_to(descriptor: str, path: Path) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}") == str(path)
    except OSError:
        return False
