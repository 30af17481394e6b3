"""The commands by name, each loaded when it is asked for.

Knows: the names, where a command's defaults come from, how an error of use is told.
Must not know: what a command does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

import procession
from procession.cli import config

_MODULES = {
    "thumbs": "procession.cli.thumbs",
    "map": "procession.cli.map",
    "exec": "procession.cli.exec",
    "resume": "procession.cli.resume",
    "retry": "procession.cli.retry",
    "runs": "procession.cli.runs",
    "report": "procession.cli.account",
    "bench": "procession.cli.bench",
    "doctor": "procession.cli.doctor",
    "completion": "procession.cli.completion",
}

_WHAT_TO_DO = ("; ", ": pip install ")  # what a message has that says it itself


class Refused(click.ClickException):
    """The command cannot do what was asked; nothing was started.

    Args:
        message: What is wrong, and behind a semicolon what to do; without that a second line says where it stands.
        exit_code: The exit code.
    """

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click has it on the class
        context = click.get_current_context(silent=True)
        self._command = "procession" if context is None else context.command_path

    def show(self, file: Any = None) -> None:
        """Say what is wrong, and what to do."""
        click.echo(f"procession: {self.message}", err=True, file=file)
        if not any(sign in self.message for sign in _WHAT_TO_DO):
            click.echo(f"{self._command} --help shows what may be given", err=True, file=file)


class Misused(Refused):
    """What was typed, or set in a variable or a file, is no use of the command.

    Args:
        error: What click says.
    """

    def __init__(self, error: click.UsageError) -> None:
        super().__init__(error.format_message())
        self._command = error.ctx.command_path if error.ctx is not None else "procession"

    def show(self, file: Any = None) -> None:
        """Say what is wrong, and where it stands what is right."""
        click.echo(f"{self._command}: {self.message}", err=True, file=file)
        click.echo(f"{self._command} --help shows what may be given", err=True, file=file)


class _ReaderGone(Exception):
    """Nobody reads standard output any more: a `BrokenPipeError` under a name of which click makes no failure."""


class _Commands(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _MODULES:
            return None
        command: click.Command = import_module(_MODULES[name]).command
        return command

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _in_two_lines():
            return super().make_context(*args, **extra)

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(context, args)
        if name is not None and command is not None and not context.resilient_parsing:
            found = config.defaults(name, lambda each: self.get_command(context, each), list(_MODULES))
            context.default_map = {name: found}
        return name, command, rest

    def invoke(self, context: click.Context) -> Any:
        try:
            with _in_two_lines():
                return super().invoke(context)
        except BrokenPipeError as error:
            raise _ReaderGone from error


@contextmanager
def _in_two_lines() -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise Misused(error) from error


def _show_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"procession {procession.__version__} (Python {sys.version.split()[0]})")
        context.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show it.")
def cli() -> None:
    """Run work on all cores: thumbnails of photographs, or a Python function over lines.

    Every flag can also be set by a variable (PROCESSION_TIME_LIMIT, PROCESSION_MAP_TIME_LIMIT) or in pyproject.toml
    ([tool.procession] time-limit = "5m", [tool.procession.map]); the flag goes before the variable, that before the
    file.

    \b
    Examples:
      procession thumbs photos -o thumbs
      seq 5 | procession map -e 'lambda line: int(line) ** 2'
      procession resume

    \b
    Exit codes:
      0         all right
      1         some items failed, or the run had to stop
      2         wrong usage (nothing was started)
      65        the journal cannot be used: not there, damaged, newer, of another function
      74        the journal cannot be written: disk full, deleted
      75        another process works on this journal
      130, 143  interrupted (Ctrl-C), terminated
      141       the reader of the output is gone
    """


def run() -> int:
    """Run the command line and give its exit code."""
    try:
        status = cli.main(prog_name="procession", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort as abort:  # click's name for an interrupt
        raise abort.__cause__ if isinstance(abort.__cause__, KeyboardInterrupt) else KeyboardInterrupt from None
    except _ReaderGone as gone:
        raise BrokenPipeError from gone
    return status if isinstance(status, int) else 0
