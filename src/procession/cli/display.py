"""Progress on standard error: a bar on a terminal, a plain line now and then otherwise.

Knows: rich, the tally.
Must not know: where the items come from.

An item costs the bar nothing: it is drawn ten times a second from the tally by rich's own thread, so it moves also
while one item takes long.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, TextIO

from procession.cli.report import Tally
from procession.monitor.looks import LINE_SECONDS, describe

if TYPE_CHECKING:
    from rich.console import RenderableType

_REDRAWS = 10  # a second


class Display:
    """No progress at all, and what the other displays begin with."""

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def step(self) -> None:
        """Note that an item has ended; the tally has counted it."""

    def say(self, text: str) -> None:
        """Write a line on standard error, beside what is shown."""
        if sys.stderr is not None:
            print(text, file=sys.stderr, flush=True)


class Lines(Display):
    """A plain line every few seconds, also while no item ends.

    Args:
        tally: What is shown.
        stream: Where.
        every: Seconds between two lines.
    """

    def __init__(self, tally: Tally, stream: TextIO, every: float = LINE_SECONDS) -> None:
        self._tally = tally
        self._stream = stream
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="procession-progress", daemon=True)

    def __enter__(self) -> Lines:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _tell(self) -> None:
        while not self._over.wait(self._every):
            print(f"procession {self._tally.command}: {progress_text(self._tally)}", file=self._stream, flush=True)


class Bar(Display):
    """A bar that rich draws.

    Args:
        tally: What is shown.
        stream: The terminal.
        color: Draw it in colours.
    """

    def __init__(self, tally: Tally, stream: TextIO, color: bool = True) -> None:
        from rich.console import Console
        from rich.live import Live

        self._tally = tally
        self._live = Live(
            get_renderable=self._draw,
            console=Console(file=stream, force_terminal=True, no_color=not color),
            refresh_per_second=_REDRAWS,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Bar:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """Write a line above the bar."""
        self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _draw(self) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        tally = self._tally
        row = Table.grid(padding=(0, 1), expand=True)
        row.add_column(no_wrap=True)
        row.add_column(ratio=1)
        row.add_column(no_wrap=True)
        bar = ProgressBar(total=tally.total, completed=tally.ended, pulse=tally.total is None)
        row.add_row(tally.command, bar, progress_text(tally))
        return row


def choose(
    tally: Tally, *, quiet: bool, results_on_terminal: bool = False, progress: str = "auto", color: str = "auto"
) -> Display:
    """Choose the display for this run.

    Args:
        tally: What is shown.
        quiet: Show nothing.
        results_on_terminal: Results are written to the terminal: they show the progress, a bar would tear them.
        progress: `bar`, `plain` or `none`; `auto`: a bar on a terminal, plain lines elsewhere.
        color: As `colored` has it.
    """
    stream = sys.stderr
    if quiet or stream is None or progress == "none" or (results_on_terminal and progress == "auto"):
        return Display()
    if progress == "bar" or (progress == "auto" and stream.isatty() and os.environ.get("TERM") != "dumb"):
        return Bar(tally, stream, colored(color))
    return Lines(tally, stream)


def colored(color: str, stream: TextIO | None = None) -> bool:
    """Say whether what is written gets colours.

    Args:
        color: `always`, `never`, or `auto`: where it goes to a terminal and NO_COLOR is not set.
        stream: Where it goes; None: standard error.

    Source: https://no-color.org
    """
    if color != "auto":
        return color == "always"
    stream = stream or sys.stderr
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream is not None and stream.isatty() and not plain


def progress_text(tally: Tally) -> str:
    """Say how far it is: `120 of 300, 97/s, 2 s left, 1 failed`."""
    return describe(tally.ended, tally.failed, tally.total, tally.seconds)
