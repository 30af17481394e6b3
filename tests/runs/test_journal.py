"""A journal and the world around it: two processes, full disks, folders that are read-only, files that go, versions."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import procession
from procession.runs import lock, schema
from procession.runs.live import LiveRun
from tests.helpers.scripts import SRC, Finished
from tests.helpers.wait import wait_until

CAN_MOUNT = (
    shutil.which("unshare") is not None
    and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
)


def double(number: int) -> int:
    return number * 2


def serial(items: Any, path: Path, **options: Any) -> LiveRun[int]:
    return LiveRun(path, double, items, options={"backend": "serial"}, **options)


# Who works on it.

HOLDER = """
    import sys, time
    from procession.runs.live import LiveRun

    def wait(item):
        print("works", flush=True)
        time.sleep(60)

    with LiveRun("run.db", wait, [1], options={"processes": 1, "context": "fork"}) as live:
        print("holds", flush=True)
        list(live)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_second_process_says_who_holds_it_and_gets_it_when_that_one_ends(tmp_path: Path, end: signal.Signals) -> None:
    script = tmp_path / "holder.py"
    script.write_text("\n".join(line[4:] for line in HOLDER.splitlines()))
    out = tmp_path / "out"
    with open(out, "w") as file:
        holder = subprocess.Popen(
            [sys.executable, str(script)], cwd=tmp_path, stdout=file, env={**os.environ, "PYTHONPATH": str(SRC)}
        )
    try:
        wait_until(lambda: "holds" in out.read_text())
        assert lock.is_held(str(tmp_path / "run.db"))
        with pytest.raises(procession.JournalHeld, match=rf"held by process {holder.pid} on .* since 20") as caught:
            serial([1], tmp_path / "run.db").__enter__()
        assert caught.value.exit_code == 75 and caught.value.pid == holder.pid
        with procession.Run.open(tmp_path / "run.db") as run:  # reading is no matter of the lock
            assert run.counts.items == 0
        wait_until(lambda: "works" in out.read_text())  # its worker was forked, and must not have the lock
    finally:
        holder.send_signal(end)
        holder.wait(30)
    with serial([1], tmp_path / "run.db", rerun_changed=True) as live:
        assert len(list(live)) == 1
    assert not (tmp_path / "run.db.lock").exists()


def test_same_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    with serial([1], tmp_path / "run.db") as live:
        with pytest.raises(procession.JournalHeld, match=f"held by process {os.getpid()} on .* in this very process"):
            serial([1], tmp_path / "run.db").__enter__()
        assert lock.is_held(str(tmp_path / "run.db"))
        assert len(list(live)) == 1
    assert not lock.is_held(str(tmp_path / "run.db"))


# What the disk does.


def in_a_mount(script: str, mount: str, run_script: Callable[..., Finished], tmp_path: Path) -> Finished:
    """Run a script in a world of its own in which `disk` is a small file system."""
    (tmp_path / "disk").mkdir()
    return run_script(f"""
        import os, subprocess, sys
        if "inner" not in sys.argv:
            command = {mount!r} + ' && exec "$@"'
            shell = ["unshare", "-m", "sh", "-c", command, "sh", sys.executable, __file__, "inner"]
            sys.exit(subprocess.run(shell).returncode)
        import time
        import procession
        from procession.runs.live import LiveRun

        def large(number):
            time.sleep(0.001)
            return bytes([number % 251]) * 20_000

        def beside(number):
            time.sleep(0.01)
            return bytes([number % 251]) * 100_000

        def report(error):
            print(type(error).__name__, error.exit_code, error, sep="|")
{chr(10).join(" " * 8 + line for line in script.splitlines())}
    """)


@pytest.mark.skipif(not CAN_MOUNT, reason="this user may not mount file systems")
@pytest.mark.parametrize("function", ["large", "beside"])
def test_full_disk_is_told_and_what_was_recorded_is_kept(
    run_script: Callable[..., Finished], tmp_path: Path, function: str
) -> None:
    done = in_a_mount(
        f"""
COUNT = {1000 if function == "large" else 150}
told = []
try:
    with LiveRun("disk/run.db", {function}, range(COUNT), options={{"processes": 1}}) as live:
        for each in live:
            told.append(each.outcome.index)
except procession.JournalFailed as error:
    report(error)
with procession.Run.open("disk/run.db") as run:
    items = {{item for item, result in run.results() if result == {function}(item)}}
print(len(told) > 10, set(told) <= items)
os.system("mount -o remount,size=200m disk")
with LiveRun("disk/run.db", {function}, range(COUNT), options={{"processes": 1}}) as live:
    again = list(live)
    print(len(again) == COUNT, live.counts.replayed >= len(told), all(each.outcome.value for each in again))
""",
        "mount -t tmpfs -o size=4m none disk",
        run_script,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    first, kept, rest = done.stdout.splitlines()
    assert first.startswith("JournalFailed|74|journal '") and "disk/run.db': " in first
    assert "full" in first or "No space left" in first
    assert "what was recorded before is kept" in first
    assert (kept, rest) == ("True True", "True True True")


@pytest.mark.skipif(not CAN_MOUNT, reason="this user may not mount file systems")
def test_disk_without_room_for_a_new_journal_gets_no_half_of_one(
    run_script: Callable[..., Finished], tmp_path: Path
) -> None:
    done = in_a_mount(
        """
try:
    procession.run(large, range(10), journal="disk/run.db")
except procession.JournalFailed as error:
    report(error)
print(os.listdir("disk"))
os.system("mount -o remount,size=200m disk")
print(procession.run(large, range(3), journal="disk/run.db").counts.done)
""",
        "mount -t tmpfs -o size=16k none disk",
        run_script,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    told, left, again = done.stdout.splitlines()
    journal = os.path.realpath(tmp_path / "disk/run.db")
    assert told.startswith(f"JournalFailed|74|journal {journal!r}: ") and told.count("run.db") == 1
    assert (left, again) == ("[]", "3")


def test_an_empty_file_is_no_run_yet(tmp_path: Path) -> None:
    (tmp_path / "run.db").touch()
    with pytest.raises(procession.JournalNotUsable, match="it is empty: no run has begun in it yet; wait for that, or"):
        procession.Run.open(tmp_path / "run.db")
    with serial([1], tmp_path / "run.db") as live:
        assert [each.outcome.result for each in live] == [2]


@pytest.mark.skipif(not CAN_MOUNT, reason="this user may not mount file systems")
def test_read_only_folder_is_told_before_anything_runs(run_script: Callable[..., Finished], tmp_path: Path) -> None:
    done = in_a_mount(
        """
try:
    procession.run(large, range(10), journal="disk/run.db")
except procession.JournalFailed as error:
    report(error)
procession.run(large, range(3), journal="good.db").close()
import shutil
os.system("mount -o remount,rw disk")
shutil.copy("good.db", "disk/good.db")
os.system("mount -o remount,ro disk")
try:
    procession.run(large, range(10), journal="disk/good.db")
except procession.JournalFailed as error:
    report(error)
with procession.Run.open("disk/good.db") as run:
    print(len(list(run.results())))
""",
        "mount -t tmpfs -o ro,size=1m none disk",
        run_script,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    new, old, read = done.stdout.splitlines()
    for line in (new, old):
        assert line.startswith("JournalFailed|74|") and "Read-only file system" in line
        assert "choose a folder that can be written to" in line
    assert read == "3"


def test_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(procession.JournalFailed, match="No such file or directory; choose a folder"):
        procession.run(double, [1], journal=tmp_path / "none" / "run.db", backend="serial")


def test_what_the_database_says_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "run.db-wal").mkdir()
    with pytest.raises(procession.JournalFailed) as caught:
        serial([1], tmp_path / "run.db").__enter__()
    text = "disk I/O error; what was recorded before is kept"
    assert str(caught.value) == f"journal {str(tmp_path / 'run.db')!r}: {text}"
    assert not lock.is_held(str(tmp_path / "run.db"))


def test_journal_deleted_while_running_is_told_and_rescued(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    told = []
    with pytest.raises(procession.JournalFailed, match=r"moved or deleted .*run.db.rescued': move it back") as caught:
        with serial(iter(range(60_000)), path) as live:
            for each in live:
                told.append(each.outcome.index)
                if len(told) == 100:
                    for file in tmp_path.glob("run.db*"):
                        file.unlink()
    assert caught.value.exit_code == 74
    os.replace(tmp_path / "run.db.rescued", path)
    with procession.Run.open(path) as run:
        assert {item for item, _ in run.results()} >= set(told)
    with serial(range(1000), path) as live:
        assert len(list(live)) == 1000
        assert live.counts.replayed >= 100


def test_clock_that_was_set_back_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with serial(range(5), path) as live:
        list(live)
    ahead = sqlite3.connect(path)
    (facts,) = ahead.execute("SELECT facts FROM sessions").fetchone()
    later = json.dumps({**json.loads(facts), "start": "2099-01-01T00:00:00+00:00"})
    ahead.execute("UPDATE sessions SET facts = ?, ended = '2099-01-01T00:00:01+00:00'", (later,))
    ahead.commit()
    ahead.close()
    os.utime(path, (4e9, 4e9))
    with serial(range(7), path) as live:
        assert len(list(live)) == 7 and live.counts.replayed == 5
    with procession.Run.open(path) as run:
        assert run.facts["start"] < "2099" and run.counts.items == 7


# Versions.

VERSION_1 = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE sessions (number INTEGER PRIMARY KEY, source TEXT NOT NULL, facts TEXT NOT NULL, ended TEXT, read INTEGER);
CREATE TABLE items (
    number INTEGER PRIMARY KEY, key BLOB NOT NULL, state INTEGER NOT NULL, session INTEGER NOT NULL, seconds REAL,
    worker INTEGER, attempts INTEGER NOT NULL, name TEXT NOT NULL, error_type TEXT, error_message TEXT,
    error_traceback TEXT, item, result);
CREATE UNIQUE INDEX item_keys ON items (key);
CREATE INDEX failed_items ON items (number) WHERE state = 2;
CREATE TABLE places (place INTEGER PRIMARY KEY, item INTEGER NOT NULL, kind INTEGER NOT NULL);
CREATE INDEX twins ON places (item) WHERE kind = 2;
PRAGMA application_id = 1347571523;
PRAGMA user_version = 1;
"""


def of_version_1(path: Path) -> None:
    """Make a journal as the first version did, with two items of `double`."""
    from procession.runs.keys import make_key
    from procession.runs.source import name_of, source_of

    old = sqlite3.connect(path)
    old.executescript(VERSION_1)
    old.execute("INSERT INTO facts VALUES ('function', ?)", (json.dumps(name_of(double)),))
    old.execute("INSERT INTO sessions VALUES (1, ?, '{}', '2026-01-01', 2)", (source_of(double),))
    for number, item in enumerate((7, 8), 1):
        row = (number, make_key()(item), 1, 1, 0.1, 99, 1, repr(item), None, None, None)
        pickles = pickle.dumps(item), pickle.dumps(item * 2)
        old.execute(f"INSERT INTO items VALUES ({', '.join('?' * 13)})", (*row, *pickles))
        old.execute("INSERT INTO places VALUES (?, ?, 0)", (number - 1, number))
    old.commit()
    old.close()


def test_older_journal_is_read_as_it_is_and_migrated_by_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    of_version_1(path)
    before = path.read_bytes()
    with procession.Run.open(path) as run:
        assert list(run.results()) == [(7, 14), (8, 16)]
        assert run.counts == (2, 2, 0, 0, True)
    assert path.read_bytes() == before
    with serial([8, 9, 7], path, ordered=True) as live:
        told = [(each.outcome.value, each.replayed) for each in live]
    assert told == [(16, True), (18, False), (14, True)]
    made = sqlite3.connect(path)
    assert made.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    made.close()
    with serial([9], path) as live:
        list(live)
    with procession.Run.open(path) as run:
        assert run.counts.items == 1
    tables = [_tables(each, tmp_path) for each in ("run.db", "new.db")]
    assert tables[0] == tables[1], "a migrated journal has the tables of a new one"


def _tables(name: str, folder: Path) -> dict[str, set[str]]:
    if name == "new.db":
        with serial([1], folder / name) as live:
            list(live)
    connection = sqlite3.connect(folder / name)
    names = [each for (each,) in connection.execute("SELECT name FROM sqlite_master")]
    found = {each: {row[1] for row in connection.execute(f"PRAGMA table_info({each})")} for each in names}
    connection.close()
    return found


def test_journal_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with serial([1], path) as live:
        list(live)
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 77")
    newer.close()
    for call in (lambda: serial([1], path).__enter__(), lambda: procession.Run.open(path)):
        with pytest.raises(procession.JournalNotUsable, match=r"of version 77, made by a newer .*update procession"):
            call()


# Strangers.


class Trap:
    sprung = 0

    def __reduce__(self) -> Any:
        return spring, ()


def spring() -> None:
    Trap.sprung += 1


def test_nothing_is_unpickled_but_by_who_asks_for_results(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with LiveRun(path, lambda item: item, [Trap()], key=lambda item: 1, options={"backend": "serial"}) as live:
        list(live)
    Trap.sprung = 0
    with procession.Run.open(path) as run:
        assert run.counts.items == len(list(run.table())) == 1
        assert not list(run.failures()) and run.facts and run.sessions() and repr(run)
        with LiveRun(
            path, lambda item: item, [Trap()], key=lambda item: 1, replay=False, options={"backend": "serial"}
        ) as live:
            assert not list(live) and live.counts.replayed == 1
        assert Trap.sprung == 0
    with procession.Run.open(path) as run:
        list(run.results())
    assert Trap.sprung == 2


def test_what_cannot_be_rebuilt_is_a_remote_error(tmp_path: Path, run_script: Callable[..., Finished]) -> None:
    done = run_script("""
        import procession

        class OwnError(Exception):
            pass

        class Own:
            pass

        def fails(number):
            if number:
                raise OwnError("no " + str(number))
            return Own()

        procession.run(fails, range(2), journal="run.db", processes=1).close()
    """)
    assert done.returncode == 0, done.stderr
    with procession.Run.open(tmp_path / "run.db") as run:
        (_, lost), (_, error) = run.results()
        (entry,) = run.failures()
    assert isinstance(error, procession.RemoteError) and isinstance(lost, procession.RemoteError)
    assert error.type_name == entry.error_type == "__main__.OwnError" and error.message == "no 1"
    assert "cannot be rebuilt here" in str(error) and 'raise OwnError("no "' in error.traceback
    assert "cannot be rebuilt here: AttributeError" in str(lost)


# Which ones are kept.


def test_old_journals_of_the_state_folder_are_taken_away(state: Path) -> None:
    from procession.runs import places

    state.mkdir()
    for number in range(30):
        for end in ("", "-wal"):
            file = state / f"run-{number}.db{end}"
            file.write_text("")
            os.utime(file, (number * 86_400, number * 86_400))
    (state / "run-0.db.d").mkdir()
    os.utime(state / "run-1.db", (200 * 86_400, 200 * 86_400))
    assert places.prune(now=0) == []  # the clock was set back
    assert places.prune(now=100 * 86_400) == [f"run-{number}" for number in (9, 8, 7, 6, 5, 4, 3, 2, 0)]
    assert not (state / "run-0.db.d").exists() and not (state / "run-9.db-wal").exists()
    assert len(places.listing()) == 21
    assert places.prune(now=1e12) == ["run-10"]


def test_a_journal_that_is_held_is_not_taken_away(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from procession.runs import places

    state.mkdir()
    with serial([1], state / "held.db") as live:
        os.utime(state / "held.db", (1, 1))
        os.utime(state / "held.db-wal", (1, 1))
        for number in range(places.KEEP_LATEST):
            (state / f"run-{number}.db").write_text("")
        assert places.prune() == []
        monkeypatch.setattr(places, "is_held", lambda path: False)  # it was taken just afterwards
        assert places.prune() == [] and (state / "held.db").exists()
        list(live)


def test_names_are_found_by_their_begin(state: Path) -> None:
    from procession.runs import places

    with pytest.raises(procession.JournalNotUsable, match="there are no runs"):
        procession.Run.open()
    for name in ("photos-1", "photos-2", "other"):
        procession.run(double, [1], journal=name, backend="serial").close()
    with pytest.raises(procession.JournalNotUsable, match="several runs begin so: photos-"):
        procession.Run.open("photos")
    with pytest.raises(procession.JournalNotUsable, match="there is no such run; `procession runs` lists"):
        procession.Run.open("nothing")
    with procession.Run.open("oth") as run:
        assert run.name == "other"
    assert Path(places.find()).name == "other.db"
    assert places.name_for("map <lambda>", "x") == places.name_for("map <lambda>", "x")
    assert places.name_for("map <lambda>", "x").startswith("map-lambda-")


def test_state_folder_is_the_user_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from procession.runs import places

    monkeypatch.delenv("PROCESSION_STATE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert places.state_folder() == str(tmp_path / ".local/state/procession")
    monkeypatch.setenv("XDG_STATE_HOME", "/x")
    assert places.state_folder() == "/x/procession"


CLOSED_WHILE_READ = """
    import threading
    from procession.runs.errors import JournalFailed
    from procession.runs.journal import Journal

    def look_up(journal):
        try:
            while True:
                journal.find([bytes([number]) * 16 for number in range(128)])
        except JournalFailed as error:
            ends.append(error.reason)

    ends = []
    for _ in range(200):
        journal = Journal("run.db")
        thread = threading.Thread(target=look_up, args=(journal,))
        thread.start()
        journal.close()
        thread.join()
    print(len(ends), set(ends))
"""


def test_journal_is_not_closed_under_a_thread_that_looks_something_up(run_script: Callable[..., Finished]) -> None:
    done = run_script(CLOSED_WHILE_READ)
    assert (done.returncode, done.stdout) == (0, "200 {'it is closed'}\n"), done.stderr
