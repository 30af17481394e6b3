"""What a terminal would obey is shown, wherever it stands: names of items, messages, command lines. Moved runs."""

from __future__ import annotations

from pathlib import Path

from procession.cli.report import visible
from tests.cli.conftest import Run

EVIL = "\x1b]0;title\x07\x1b[2J\r\x9b31m\u202e"
WRITES = f"import sys; sys.stderr.write({EVIL!r}); sys.exit(3)"


def test_control_characters_are_written_as_escapes() -> None:
    assert visible("a\x1b[2Jb\x07\r") == "a\\x1b[2Jb\\x07\\r"
    assert visible("\x9b\u202e\udcff") == "\\x9b\\u202e\\udcff"
    assert visible("tab\tline\nüñ日本 \N{GRINNING FACE}") == "tab\tline\nüñ日本 \N{GRINNING FACE}"


def test_no_control_character_of_an_item_or_a_program_is_in_a_report(run: Run) -> None:
    ended = run("exec", "--name", "own", "--", "python3", "-c", WRITES, ":::", EVIL)
    assert ended.returncode == 1
    told = ended.stderr.partition("1 item failed:")[2]  # before it stands what the command has written
    told += "".join(run(*each).stdout for each in (("report", "own"), ("report", "own", "--errors"), ("runs",)))
    assert "\\x1b]0;title" in told
    assert not set(EVIL[:1] + "\x07\r\x9b\u202e") & set(told)


def test_names_that_are_no_text_can_be_reported(run: Run) -> None:
    run("exec", "--name", "own", "--", "false", ":::", "\udcff")
    told = run("report", "own")
    assert told.returncode == 1 and told.stdout.startswith("run own: failed\n"), told.stderr
    assert run("runs").returncode == 0


def test_run_that_was_moved_shows_its_large_outputs(run: Run, tmp_path: Path) -> None:
    size = 1_000_000
    first = run("exec", "--journal", "a.db", "--", "python3", "-c", f"print('x' * {size})", ":::", "1")
    assert len(first.stdout) == size + 1
    (tmp_path / "moved").mkdir()
    for each in tmp_path.glob("a.db*"):
        each.rename(tmp_path / "moved" / each.name)
    again = run("resume", "./moved/a.db")
    assert (again.returncode, again.stdout) == (0, first.stdout), again.stderr
