"""The command as a whole: its help, its version, what it loads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.conftest import Run
from tests.helpers import scripts


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("-h",), ("thumbs", "-h"), ("map", "-h"), ("doctor", "-h"), ("exec", "-h"), ("bench", "-h")],
)
def test_help(run: Run, arguments: tuple[str, ...]) -> None:
    finished = run(*arguments)
    assert finished.returncode == 0 and finished.stdout.startswith("Usage: procession") and finished.stderr == ""


def test_help_names_the_commands_and_exit_codes(run: Run) -> None:
    text = run("-h").stdout
    assert all(f"\n  {name} " in text for name in ("thumbs", "map", "exec", "bench", "doctor", "completion"))
    assert "130" in text


def test_version(run: Run) -> None:
    assert run("--version").stdout.startswith("procession 0.")


def test_no_such_command(refused: Callable[..., str]) -> None:
    assert "No such command 'thumb'" in refused("thumb")


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ("map", "--nope"),
            ["procession map: No such option '--nope'.", "procession map --help shows what may be given"],
        ),
        (
            ("map", "none.py:f", "x"),
            ["procession: TARGET 'none.py:f': no file 'none.py'", "procession map --help shows"],
        ),
        (("map", "-e", "int", "a?"), ["procession: 'a?': matches no file; with --no-glob it is a text"]),
        (("mapp",), ["procession: No such command 'mapp'", "procession --help shows what may be given"]),
    ],
)
def test_an_error_of_use_says_what_is_wrong_and_what_to_do(
    run: Run, arguments: tuple[str, ...], lines: list[str]
) -> None:
    finished = run(*arguments)
    said = finished.stderr.splitlines()
    assert finished.returncode == 2 and finished.stdout == "" and len(said) == len(lines)
    assert all(line.startswith(begin) for line, begin in zip(said, lines, strict=True)), said


def test_no_command_shows_the_help(run: Run) -> None:
    finished = run()
    assert finished.returncode == 2 and "Usage: procession" in finished.stdout + finished.stderr


def test_a_signal_in_a_callback_is_not_lost(run_script: Callable[..., scripts.Finished]) -> None:
    finished = run_script("""
        import signal, time, weakref
        from procession.cli import commands, main

        class Thing:
            pass

        def run():
            thing = Thing()
            reference = weakref.ref(thing, lambda gone: signal.raise_signal(signal.SIGINT))
            del thing  # its callback may raise nothing: Python drops the exception
            time.sleep(60)

        commands.run = run
        main.main()
    """)
    assert (finished.returncode, finished.stderr) == (130, "")
