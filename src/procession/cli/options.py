"""Options that several commands share, and the types of their values.

Knows: click.
Must not know: what becomes of the values.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from procession.launcher import host
from procession.model.amounts import MemoryOptions

F = TypeVar("F", bound=Callable[..., Any])


class Size(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """`256` for a square box, `640x480` for another."""

    name = "size"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> tuple[int, int]:
        """Turn the text into width and height."""
        match = re.fullmatch(r"([0-9]{1,6})(?:[xX]([0-9]{1,6}))?", str(value))
        if match is None:
            self.fail(f"{value!r} is not a size such as 256 or 640x480", parameter, context)
        width, height = match.groups(default=match[1])
        return int(width), int(height)


def run_options(command: F) -> F:
    """Add what every command that runs items has; of memory it gets a dictionary `memory`, of options of a pool."""
    for option in reversed(_RUN_OPTIONS):
        command = option(command)
    return command


def with_memory(command: Callable[..., int]) -> Callable[..., int]:
    """Put the options about memory together, checked before any work starts."""

    @functools.wraps(command)
    def checked(*args: Any, max_rss: Any, max_rss_hard: Any, memory_floor: Any, **kwargs: Any) -> int:
        memory = {"max_rss": max_rss, "max_rss_hard": max_rss_hard, "memory_floor": memory_floor}
        try:
            MemoryOptions(**memory).bounds(host.memory())
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        return command(*args, memory=memory, **kwargs)

    return checked


def _bytes(context: click.Context, parameter: click.Parameter, value: str | None) -> int | str | None:
    """A number alone is bytes."""
    return int(value) if value is not None and value.isascii() and value.isdigit() else value


_RUN_OPTIONS = (
    click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Workers; default: one a CPU."),
    click.option(
        "--keep-going/--fail-fast",
        "keep_going",
        default=True,
        help="After a failed item go on with the others (default), or stop.",
    ),
    click.option("--max-rss", callback=_bytes, metavar="SIZE", help="Replace a worker that holds more after an item."),
    click.option("--max-rss-hard", callback=_bytes, metavar="SIZE", help="End an item that takes more memory."),
    click.option(
        "--memory-floor",
        callback=_bytes,
        metavar="SIZE",
        help="Run fewer items at once while less memory is available; SIZE is 500MB, 2GiB, 25%, ...",
    ),
    click.option("-q", "--quiet", is_flag=True, help="No progress and no summary; errors are still reported."),
)
