"""How progress looks: plain lines, a bar by rich or tqdm, a line that changes in a notebook.

Knows: terminals, notebooks, the libraries that draw.
Must not know: who counts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from time import monotonic

from procession.model.light import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TextIO

Report = Callable[[int, int, "int | None"], object]

LINE_SECONDS = 5.0  # between two plain lines: a log of an hour has 720
DRAW_SECONDS = 0.1  # between two drawings of a bar: nobody sees more
BAR_CHARACTERS = 40


def choose(progress: object, total: int | None) -> tuple[Report, int | None, float] | None:
    """Choose the look for one call: what is called, the total, and how often; None: nobody would see it.

    Args:
        progress: True, or the name of a library.
        total: How many items there are; None if nobody knows.
    """
    stream = sys.stderr
    notebook = in_notebook()
    if progress == "tqdm":
        return Tqdm(stream, total), total, 0.0  # it knows by itself when to draw
    if notebook:
        return Notebook(), total, DRAW_SECONDS
    if stream is None:
        return None
    if progress == "rich" or (stream.isatty() and os.environ.get("TERM") != "dumb"):
        return Bar(stream, total), total, DRAW_SECONDS
    return Lines(stream), total, LINE_SECONDS


def in_notebook() -> bool:
    """True in a Jupyter kernel."""
    shell = sys.modules.get("IPython")
    made = None if shell is None else shell.get_ipython()
    return made is not None and hasattr(made, "kernel")


class Lines:
    """Writes plain lines.

    Args:
        stream: Where.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun = monotonic()

    def __call__(self, ended: int, failed: int, total: int | None) -> None:
        text = describe(ended, failed, total, monotonic() - self._begun)
        self._stream.write(f"procession: {text}\n")
        self._stream.flush()


class Bar:
    """A bar that rich draws when it is told to.

    Args:
        stream: The terminal.
        total: How many items there are; None if nobody knows.
    """

    def __init__(self, stream: TextIO | None, total: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._begun = monotonic()
        self._progress: Any = Progress(
            BarColumn(bar_width=None),
            TextColumn("{task.description}"),
            console=Console(file=stream),
            auto_refresh=False,  # or rich would start a thread
            redirect_stdout=False,
            redirect_stderr=False,
            expand=True,
        )
        self._task = self._progress.add_task("", total=total)
        self._progress.start()

    def __call__(self, ended: int, failed: int, total: int | None) -> None:
        text = describe(ended, failed, total, monotonic() - self._begun)
        self._progress.update(self._task, completed=ended, total=total, description=text, refresh=True)

    def close(self) -> None:
        """Leave the terminal as it was, below the bar."""
        self._progress.stop()


class Tqdm:
    """A bar of tqdm's: in a notebook its widget, where there is one.

    Args:
        stream: Where a text is drawn.
        total: How many items there are; None if nobody knows.
    """

    def __init__(self, stream: TextIO | None, total: int | None) -> None:
        from tqdm.auto import tqdm

        class Quiet(tqdm):  # type: ignore[misc]  # untyped, and not everywhere
            monitor_interval = 0  # or tqdm would start a thread

        self._bar: Any = Quiet(total=total, file=stream, disable=stream is None, unit="item")
        self._failed = 0

    def __call__(self, ended: int, failed: int, total: int | None) -> None:
        bar = self._bar
        if total != bar.total:
            bar.total = total
        if failed != self._failed:
            self._failed = failed
            bar.set_postfix(failed=failed, refresh=False)
        bar.update(ended - bar.n)

    def close(self) -> None:
        """Leave the last state where it is."""
        self._bar.refresh()
        self._bar.close()


class Notebook:
    """A line in the output of a notebook's cell, that changes."""

    def __init__(self) -> None:
        self._begun = monotonic()
        self._shown: Any = None

    def __call__(self, ended: int, failed: int, total: int | None) -> None:
        from IPython import display

        show: Any = display.display
        text = Text(bar_text(ended, failed, total, monotonic() - self._begun))
        if self._shown is None:
            self._shown = show(text, display_id=True)
        else:
            self._shown.update(text)


class Text:
    """A text that a notebook shows as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def bar_text(ended: int, failed: int, total: int | None, seconds: float) -> str:
    """Write a bar, where it is known how long that is, and how far it is."""
    text = describe(ended, failed, total, seconds)
    if not total:
        return text
    filled = min(BAR_CHARACTERS, ended * BAR_CHARACTERS // total)
    return f"{'█' * filled}{'░' * (BAR_CHARACTERS - filled)} {text}"


def describe(ended: int, failed: int, total: int | None, seconds: float) -> str:
    """Say how far it is: `120 of 300, 97/s, 2 s left, 1 failed`."""
    parts = [f"{ended}" if total is None else f"{ended} of {total}"]
    if ended and seconds > 0:
        rate = ended / seconds
        parts.append(rate_text(rate))
        if total is not None and total > ended:
            parts.append(f"{duration((total - ended) / rate)} left")
    if failed:
        parts.append(f"{failed} failed")
    return ", ".join(parts)


def rate_text(rate: float) -> str:
    """Say how many a second: `97/s`, `2.5/s`."""
    return f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s"


def duration(seconds: float) -> str:
    """Say a time as `42 s`, `3:05` or `2:03:05`."""
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
