"""Writes the part of docs/command-line.md that lists every flag, from what the commands say of themselves.

Run it after a change of a flag: `python tools/reference.py`. A test holds the page against it.
"""

from __future__ import annotations

from pathlib import Path

import click

from procession.cli import commands, options

PAGE = Path(__file__).resolve().parents[1] / "docs" / "command-line.md"
BEGIN = "<!-- Every flag: written by tools/reference.py. -->\n"
END = "<!-- The end of every flag. -->\n"


def reference() -> str:
    """Give the part of the page."""
    context = click.Context(commands.cli, info_name="procession")
    parts = []
    for name in commands.cli.list_commands(context):
        command = commands.cli.get_command(context, name)
        assert command is not None
        own = [each for each in command.params if type(each) is click.Option]
        inner = click.Context(command, info_name=name, parent=context)
        pieces = " ".join(command.collect_usage_pieces(inner))
        parts.append(f"### Flags of procession {name}\n\n`procession {name} {pieces}`\n")
        parts += [_table(own, inner)] if own else []
        parts.append(_shared({str(each.name) for each in command.params if isinstance(each, options.Flag)}))
    inner = click.Context(commands.cli, info_name="procession")
    for group in options.GROUPS:
        parts.append(f"### Shared flags: {group.lower()}\n")
        parts.append(_table([flag for flag in options.FLAGS if flag.group == group], inner))
    return "\n".join(parts)


def _shared(names: set[str]) -> str:
    """Say which of the shared flags a command has."""
    has = [f"`{flag.opts[-1]}`" for flag in options.FLAGS if flag.name in names]
    lacks = [f"`{flag.opts[-1]}`" for flag in options.FLAGS if flag.name not in names]
    if not has:
        return ""
    if len(lacks) < len(has):
        return f"And the shared flags{', without ' if lacks else ''}{', '.join(lacks)}.\n"
    return f"And of the shared flags {', '.join(has)}.\n"


def _table(flags: list[click.Option] | list[options.Flag], context: click.Context) -> str:
    rows = [row for flag in flags if (row := flag.get_help_record(context)) is not None]
    lines = [f"| `{_cell(names)}` | {_cell(text)} |" for names, text in rows]
    return "\n".join(["| flag | meaning |", "|---|---|", *lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page(text: str) -> str:
    """Give the page with the part as it should be.

    Args:
        text: The page as it is.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE}: has no lines {BEGIN.strip()} and {END.strip()}")
    return f"{before}{begin}\n{reference()}\n{end}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
