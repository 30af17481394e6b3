"""One command of `procession exec`, as a worker runs it."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from pathlib import Path

import pytest

from procession.jobs import command_outputs, commands, templates
from procession.jobs.command_errors import CommandFailed, CommandNotStarted
from procession.jobs.command_outputs import LARGE_BYTES, safe_name
from procession.jobs.commands import Ended, Plan
from procession.jobs.templates import Job

pytestmark = pytest.mark.limit(30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "large").mkdir()
    (tmp_path / "kept").mkdir()
    return tmp_path


def plan_of(folder: Path, text: str, *, results: bool = False) -> Plan:
    kept = str(folder / "kept") if results else None
    return Plan(templates.parse([text], shell=True, sources=1), None, str(folder / "large"), kept)


def run(folder: Path, text: str, value: str = "x", *, results: bool = False) -> Ended:
    return commands.run(plan_of(folder, text, results=results), Job(1, (value,)))


def test_output_and_status(folder: Path) -> None:
    ended = run(folder, "echo {}; echo wrong >&2", "a b")
    assert (ended.stdout, ended.stderr, ended.exitcode, ended.slot) == (b"a b\n", b"wrong\n", 0, 1)
    assert 0 < ended.seconds < 20 and os.listdir(folder / "large") == []


def test_standard_input_is_empty(folder: Path) -> None:
    assert run(folder, "wc -c < /dev/stdin; true {}").stdout.strip() == b"0"  # type: ignore[union-attr]


def test_failure_tells_the_status_and_the_last_lines(folder: Path) -> None:
    with pytest.raises(CommandFailed) as caught:
        run(folder, "echo out; seq 9 >&2; exit 3; : {}")
    error = pickle.loads(pickle.dumps(caught.value))
    assert str(error) == "exit status 3: 7\n8\n9" and error.exitcode == 3
    assert error.ended.stdout == b"out\n" and error.command == "echo out; seq 9 >&2; exit 3; : x"


def test_failure_by_a_signal(folder: Path) -> None:
    with pytest.raises(CommandFailed, match="^ended by SIGTERM$"):
        run(folder, "kill -TERM $$; : {}")


@pytest.mark.parametrize(
    ("words", "value", "reason"),
    [
        (["/nowhere"], "x", "No such file"),
        (["/"], "x", "Permission denied"),
        (["true"], "a\0b", "null byte"),
        (["true"], "x" * 300_000, "too long"),
    ],
)
def test_what_cannot_be_started(folder: Path, words: list[str], value: str, reason: str) -> None:
    plan = Plan(templates.parse(words, shell=False, sources=1), None, str(folder / "large"), None)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(CommandNotStarted, match=reason):
        commands.run(plan, Job(1, (value,)))
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_large_output_stays_in_a_file(folder: Path) -> None:
    for _ in range(2):  # a second attempt takes the place of the first one's
        ended = run(folder, f"head -c {LARGE_BYTES + 1} /dev/zero; head -c {LARGE_BYTES} /dev/zero >&2; : {{}}")
        assert [str(each) for each in (folder / "large").iterdir()] == [ended.stdout]
        assert ended.stderr == bytes(LARGE_BYTES) and Path(ended.stdout).name.startswith("1-")
        assert Path(ended.stdout).stat().st_size == LARGE_BYTES + 1


def test_a_file_system_without_nameless_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY)  # to open a folder for writing is refused
    assert run(folder, "echo {}").stdout == b"x\n" and os.listdir(folder / "large") == []
    assert isinstance(run(folder, f"head -c {LARGE_BYTES + 1} /dev/zero; : {{}}").stdout, str)


def test_results_are_kept(folder: Path) -> None:
    with pytest.raises(CommandFailed):
        run(folder, "echo {}; echo wrong >&2; exit 4", "a/b", results=True)
    kept = {path.name: path.read_text() for path in (folder / "kept").iterdir()}
    assert kept == {"a%2Fb.stdout": "a/b\n", "a%2Fb.stderr": "wrong\n", "a%2Fb.exit": "4\n"}


def test_the_status_of_an_earlier_run_does_not_stand_beside_unfinished_output(folder: Path) -> None:
    run(folder, "true {}", results=True)
    there = run(folder, f"ls {folder / 'kept'}; : {{}}", results=True).stdout
    assert there == b"x.stderr\nx.stdout\n"


def test_who_still_writes_to_an_earlier_output_does_not_write_to_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    run(folder, "(while ! test -e go; do sleep 0.01; done; echo late; touch gone) & : {}", results=True)
    text = "touch go; while ! test -e gone; do sleep 0.01; done; echo mine; : {}"
    assert run(folder, text, results=True).stdout == b"mine\n"
    assert (folder / "kept" / "x.stdout").read_text() == "mine\n"


def test_programs_get_the_signals_that_python_ignores(folder: Path) -> None:
    ended = run(
        folder, f"{sys.executable} -c 'import signal; print(signal.getsignal(13))'; cat /proc/self/status; : {{}}"
    )
    ignored = next(line for line in ended.stdout.decode().splitlines() if line.startswith("SigIgn"))  # type: ignore[union-attr]
    assert int(ignored.split()[1], 16) >> (signal.SIGPIPE - 1) & 1 == 0


def test_a_command_whose_item_is_stopped_is_ended(folder: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(number: int, frame: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(Stopped):
            run(folder, "trap '' TERM; echo $$ > {}; while :; do :; done", str(folder / "pid"))
    finally:
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), 0)


def test_names_are_safe_and_no_two_are_the_same() -> None:
    values = [("",), (".",), ("..",), (".x",), ("a/b",), ("a b",), ("a%20b",), ("a,b",), ("a", "b"), ("", ""), ("%",)]
    values += [("ä",), ("\udcff",), ("x" * 500,), ("x" * 501,), ("x" * 500, "y")]
    names = [safe_name(each) for each in values]
    assert len(set(names)) == len(names)
    assert all(name and "/" not in name and not name.startswith(".") and len(name) <= 200 for name in names)
    assert safe_name(("photo-1_a.jpg", "2")) == "photo-1_a.jpg,2"
    assert command_outputs.path_of("d", Job(1, ("a",)), "exit") == "d/a.exit"
