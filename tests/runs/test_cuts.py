"""A journal whose end is cut off at any byte opens, keeps what is whole, and the rest is done again."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import procession
from procession.runs.journal import Journal
from procession.runs.live import LiveRun

ITEMS = [3, 1, 2, 1, 5, 6]
WANTED = [(3, 6), (1, 2), (2, 4), (1, 2), (5, 10), (6, 12)]
FRAME = 4096 + 24  # bytes of a page in the log


def double(number: int) -> int:
    return number * 2


def fill(path: Path, items: list[int], copy_to: Path | None = None) -> None:
    """Do a run; copy its files before it is closed, as a killed process leaves them."""
    with LiveRun(path, double, iter(items), options={"backend": "serial"}) as live:
        for _ in live:
            pass
        if copy_to is not None:
            for file in path.parent.glob("run.db*"):
                if file.suffix != ".lock":
                    shutil.copy(file, copy_to / file.name)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a run whose process was killed in its second session, at the end."""
    folder, copy = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("killed")
    fill(folder / "run.db", ITEMS[:3])
    fill(folder / "run.db", ITEMS, copy)
    return copy


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a run that has ended."""
    folder = tmp_path_factory.mktemp("closed")
    fill(folder / "run.db", ITEMS[:3])
    fill(folder / "run.db", ITEMS)
    return folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory, where there is one: each cut syncs its disk several times."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as path:
        yield Path(path)


def lengths(size: int, whole_tail: int) -> Iterator[int]:
    """Every length within the tail, and of the rest each 97th and those beside the borders of pages."""
    for length in range(size):
        if length >= size - whole_tail or length % 97 == 0 or length % 4096 in (0, 1, 4095) or length < 120:
            yield length


def goes_on(source: Path, folder: Path, name: str, length: int) -> None:
    """Cut one of the files and do what is left."""
    for old in folder.iterdir():
        old.unlink()
    for file in source.glob("run.db*"):
        shutil.copy(file, folder / file.name)
    os.truncate(folder / name, length)
    with LiveRun(folder / "run.db", double, iter(ITEMS), options={"backend": "serial"}) as live:
        told = sorted((each.outcome.index, each.outcome.item, each.outcome.value) for each in live)
    assert told == [(place, *pair) for place, pair in enumerate(WANTED)], f"{name} cut to {length}"
    with procession.Run.open(folder / "run.db") as run:
        assert list(run.results()) == WANTED, f"{name} cut to {length}"


@pytest.mark.limit(300)
def test_log_cut_at_any_byte(killed: Path, folder: Path) -> None:
    size = (killed / "run.db-wal").stat().st_size
    assert size > 2 * FRAME
    for length in lengths(size, 700):
        goes_on(killed, folder, "run.db-wal", length)


@pytest.mark.limit(300)
def test_file_cut_at_any_byte(closed: Path, folder: Path) -> None:
    assert [each.name for each in closed.iterdir()] == ["run.db"]
    for length in lengths((closed / "run.db").stat().st_size, 700):
        goes_on(closed, folder, "run.db", length)


@pytest.mark.limit(300)
def test_file_cut_at_any_byte_beside_its_log(killed: Path, folder: Path) -> None:
    for length in lengths((killed / "run.db").stat().st_size, 400):
        goes_on(killed, folder, "run.db", length)


def test_what_is_whole_is_kept_and_what_happened_is_told(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    procession.run(double, range(5000), journal=path, backend="serial").close()
    size = path.stat().st_size
    os.truncate(path, size - 5000)
    with pytest.raises(procession.JournalNotUsable, match="go on with it to have it mended"):
        procession.Run.open(path)
    with LiveRun(path, double, range(5000), options={"backend": "serial"}) as live:
        assert live.lost is not None and "the old file is" in live.lost
        assert len(list(live)) == 5000
        assert live.counts.replayed > 3000
    assert (tmp_path / "run.db.damaged").stat().st_size == size - 5000
    os.truncate(path, path.stat().st_size - 1)
    with pytest.warns(UserWarning, match="its end was cut off"):
        procession.run(double, range(5000), journal=path, backend="serial").close()


def test_damage_in_the_middle_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    procession.run(double, range(3000), journal=path, backend="serial").close()
    with open(path, "r+b") as file:
        for page in range(4, path.stat().st_size // 4096, 2):
            file.seek(page * 4096)
            file.write(b"\xff" * 2000)
    with pytest.raises(procession.JournalNotUsable, match=r"it is damaged .*move it away to begin anew") as caught:
        procession.run(double, range(3000), journal=path, backend="serial")
    assert caught.value.exit_code == 65
    with pytest.raises(procession.JournalNotUsable, match="it is damaged"):
        with procession.Run.open(path) as run:
            list(run.results())


@pytest.mark.parametrize("holds", [b"no database at all " * 100, b"SQLite"])
def test_file_that_is_no_journal(tmp_path: Path, holds: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(holds)
    if holds == b"SQLite":  # the begin of a header: a cut journal
        with pytest.warns(UserWarning, match="its end was cut off"):
            procession.run(double, [1], journal=path, backend="serial").close()
        assert (tmp_path / "notes.txt.damaged").read_bytes() == holds
        return
    for call in (
        lambda: procession.run(double, [1], journal=path, backend="serial"),
        lambda: procession.Run.open(path),
    ):
        with pytest.raises(procession.JournalNotUsable, match="it is no journal"):
            call()
    assert path.read_bytes() == holds
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["notes.txt"]


def test_database_of_another_program_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE items (a)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(procession.JournalNotUsable, match="the database of another program; choose another journal="):
        Journal(str(path))
    with pytest.raises(procession.JournalNotUsable, match="the database of another program"):
        procession.Run.open(path)
    assert path.read_bytes() == before
