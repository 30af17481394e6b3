"""An earlier run, asked for once more: what `resume` and `retry` share.

Knows: what a session has left of what was asked, the command that takes it.
Must not know: what is run again and what not. The journal knows.
"""

from __future__ import annotations

import os
import stat
from typing import Any

import click

from procession.cli import journals, options
from procession.cli.commands import Refused
from procession.model.errors import ProcessionError

_NOT_AGAIN = ("journal", "run_name", "dry_run")  # they were for the first time
SETTINGS: dict[str, Any] = {"ignore_unknown_options": True, "allow_extra_args": True}


def ask_again(context: click.Context, words: tuple[str, ...], *, retry: bool) -> int:
    """Ask the same of a run as its last session was asked, and give the exit code.

    Args:
        context: Of the command that the user gave.
        words: What the user gave: a run first, if any, then flags that replace those of the last time.
        retry: Items that failed are run again.

    Raises:
        Refused: There is no such run, or it cannot be asked again.
    """
    run, flags = (None, words) if not words or words[0].startswith("-") else (words[0], words[1:])
    name, path, facts = _find(run)
    given = facts.get(journals.GIVEN)
    if given is None:
        raise Refused(f"run {name} was begun by a program, not by a command: run that program again")
    asked = options.Given(given["command"], given["options"], given["arguments"])
    if facts.get("stdin") and _nothing_to_read():
        raise Refused(
            f"run {name} has read standard input; give it the same again: ... | {context.command_path} {name}"
        )
    _go_to(facts["folder"], name)
    assert context.parent is not None
    group: Any = context.parent.command
    command = group.get_command(context.parent, asked.command)
    journals.go_on_with(journals.Journal(name, path, retry), context)
    chosen = {key: value for key, value in asked.options.items() if key not in _NOT_AGAIN}
    inner = command.make_context(
        asked.command, [*flags, "--", *asked.arguments], parent=context.parent, default_map=chosen
    )
    with inner:
        for taken, flag in (("run_name", "--name"), ("journal", "--journal")):
            if taken in options.given().options:
                raise Refused(f"{flag}: run {name} has its own; leave it out")
        if options.given().arguments != asked.arguments:
            raise Refused(f"{context.command_path} {name}: takes flags, and no inputs but those of the first time")
        status: int = command.invoke(inner)
    return status


def _find(run: str | None) -> tuple[str, str, dict[str, Any]]:
    from procession.runs.run import Run

    try:
        with Run.open(run) as found:
            path = os.path.abspath(found.path)
            return (found.name if run is None else _name(found.name, path)), path, found.facts
    except ProcessionError as error:
        raise Refused(options.as_flags(str(error)), getattr(error, "exit_code", 2)) from error


def _name(name: str, path: str) -> str:
    from procession.runs import places

    return name if path == places.path_of(name) else path


def _nothing_to_read() -> bool:
    """Say whether standard input is a terminal, /dev/null, an empty file, or closed."""
    try:
        status = os.fstat(0)
    except OSError:
        return True
    return stat.S_ISCHR(status.st_mode) or (stat.S_ISREG(status.st_mode) and not status.st_size)


def _go_to(folder: str, name: str) -> None:
    """Names of files in what was asked are those of the folder where it was."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise Refused(f"run {name} was begun in {folder!r}: {error.strerror}") from error
