"""What has become of the items: counted while they end, told at the end.

Knows: outcomes, and how errors are grouped and named.
Must not know: where the text goes.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from procession.model.errors import RemoteError, shorten
from procession.model.stops import STACK
from procession.monitor.looks import rate_text

_MESSAGE = 500  # characters of one error's text; a worker may send megabytes
_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep  # the package: its frames tell a user nothing
# Control characters but tab and line feed, what changes the direction of text, halves of surrogate pairs.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SHOWN = 20  # items of one type in the text for people; the JSON summary has more


class Failure(NamedTuple):
    """One failed item.

    Args:
        place: Its place in the input, from 0.
        item: Its name.
        message: What went wrong.
    """

    place: int
    item: str
    message: str

    def as_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {"index": self.place, "item": self.item, "message": self.message}


class Tally:
    """How many items have ended, and how.

    Args:
        command: The command's name.
        total: How many items there are, where that is known.
        skipped: How many needed nothing.
        keep: How many failures of one type are kept; the others are only counted. An endless run has bounded memory.
    """

    def __init__(self, command: str, *, total: int | None, skipped: int = 0, keep: int = 1000) -> None:
        self.command = command
        self.total = total
        self.skipped = skipped
        self.done = 0
        self.failed = 0
        self.interrupted = False
        self.stopped: str | None = None  # what ended the run before its time
        self.not_run = 0  # items that were read, and not begun as the run was stopped
        self.replayed = 0  # of those that ended: in an earlier session of this run
        self._keep = keep
        self._counts: dict[str, int] = {}
        self._failures: dict[str, list[Failure]] = {}
        self._began = time.monotonic()

    @property
    def ended(self) -> int:
        """How many items have ended, in either way."""
        return self.done + self.failed

    @property
    def left(self) -> int:
        """How many items are left for the next time, as far as is known."""
        if self.total is not None and (self.interrupted or self.stopped or self.not_run):
            return self.total - self.ended
        return self.not_run

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._began

    @property
    def rate(self) -> float:
        """Items a second."""
        return (self.ended - self.replayed) / max(self.seconds, 1e-6)

    def fail(self, index: int, item: str, error: BaseException) -> None:
        """Count a failed item and keep what is told of it."""
        self.failed += 1
        kind = kind_of(error)
        self._counts[kind] = self._counts.get(kind, 0) + 1
        kept = self._failures.setdefault(kind, [])
        if len(kept) < self._keep:
            kept.append(Failure(index, item, message_of(error)))

    def summary(self, verb: str) -> str:
        """Say it in one line: `288 made, 11 up to date, 1 failed in 3.1 s, 97/s`.

        Args:
            verb: What was done with the items.
        """
        counts = {verb: self.done, "up to date": self.skipped, "failed": self.failed, "left": self.left}
        parts = [f"{count} {what}" for what, count in counts.items() if count or what == verb]
        if self.replayed:
            parts.append(f"{self.replayed} of these from the journal")
        rate = f", {rate_text(self.rate)}" if self.ended > self.replayed else ""
        end = "; interrupted" if self.interrupted else ""
        return f"procession {self.command}: {', '.join(parts)} in {self.seconds:.1f} s{rate}{end}"

    def error_lines(self, paint: Callable[[str], str] = str) -> Iterator[str]:
        """Name the failed items, grouped by the type of their error, then what ended the run.

        Args:
            paint: Gives what matters most its colour.
        """
        if self.failed:
            yield f"{counted(self.failed, 'item')} failed:"
        for kind, count in self._grouped():
            yield f"  {paint(kind)} ({count})"
            shown = sorted(self._failures[kind])[:_SHOWN]
            for _, name, message in shown:
                item = visible(name)
                yield f"    {message}" if item in message else f"    {item}: {message}"
            if count > len(shown):
                yield f"    and {count - len(shown)} more"
        if self.stopped is not None:
            yield f"procession {self.command} had to stop: {self.stopped}"

    def as_json(self, status: int, **facts: Any) -> dict[str, Any]:
        """Give everything as plain values.

        Args:
            status: The exit code.
            facts: What else the command has to say.
        """
        errors = {
            kind: {"count": count, "items": [failure.as_json() for failure in sorted(self._failures[kind])]}
            for kind, count in self._grouped()
        }
        return {
            "command": self.command,
            **facts,
            "total": self.total,
            "done": self.done,
            "skipped": self.skipped,
            "failed": self.failed,
            "replayed": self.replayed,
            "left": self.left,
            "seconds": round(self.seconds, 3),
            "per_second": round(self.rate, 1),
            "interrupted": self.interrupted,
            "stopped": self.stopped,
            "exit_code": status,
            "errors": errors,
        }

    def _grouped(self) -> list[tuple[str, int]]:
        return sorted(self._counts.items(), key=lambda entry: -entry[1])


def counted(count: int, what: str) -> str:
    """Say how many: `1 item`, `2 items`.

    Args:
        count: The number.
        what: What is counted.
    """
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def visible(text: str) -> str:
    """Give a text whose characters a terminal only shows: those that it would obey are written as escapes.

    What a program has written to its standard error, a file's name, a stranger's journal may hold any.
    """
    return _OBEYED.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def kind_of(error: BaseException) -> str:
    """Give the name under which an error is counted: its type's, also where it could not be rebuilt here."""
    return error.type_name if isinstance(error, RemoteError) else type(error).__name__


def message_of(error: BaseException) -> str:
    """Give an error's text on one line, even where its `str` raises."""
    if isinstance(error, RemoteError):
        text = error.message
    else:
        try:
            text = str(error)
        except Exception:
            text = shorten(error)
    return one_line(text) or kind_of(error)


def one_line(text: str) -> str:
    """Give the text of an error on one line, cut; of a stack the innermost frame, and none of ours.

    Args:
        text: What the error says.
    """
    head, _, stack = text[: 4 * _MESSAGE].partition(STACK)
    frames = [line.strip() for line in stack.splitlines() if line.startswith("  File ") and _OURS not in line]
    where = f"; it was in {frames[0].removeprefix('File ')}" if frames else ""
    line = visible(" ".join(head.split()) + where)
    return line if len(line) <= _MESSAGE else line[: _MESSAGE - 3] + "..."
