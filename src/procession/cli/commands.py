"""The commands by name, each loaded when it is asked for.

Knows: the names, and how click reports a usage error.
Must not know: what a command does.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

import procession

_MODULES = {
    "thumbs": "procession.cli.thumbs",
    "map": "procession.cli.map",
    "exec": "procession.cli.exec",
    "bench": "procession.cli.bench",
    "doctor": "procession.cli.doctor",
    "completion": "procession.cli.completion",
}


class Refused(click.ClickException):
    """The command cannot do what was asked; nothing was started. One line without the usage text."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"procession: {self.message}", err=True, file=file)


class _Commands(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _MODULES:
            return None
        command: click.Command = import_module(_MODULES[name]).command
        return command


def _show_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"procession {procession.__version__} (Python {sys.version.split()[0]})")
        context.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show it.")
def cli() -> None:
    """Run work on all cores: thumbnails of photographs, or a Python function over lines.

    Exit codes: 0 all right, 1 some items failed, 2 wrong usage (nothing was started), 130 interrupted, 143 terminated,
    141 the reader of the output is gone.
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
    return status if isinstance(status, int) else 0
