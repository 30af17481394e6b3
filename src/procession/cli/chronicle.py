"""What happens, written down while it does: `--log FILE` for people, `--events FILE` for programs.

Knows: the two files and their lines.
Must not know: where items come from, what is shown meanwhile.

Both are appended to, and each line is written at once: `tail -f` sees it, and a kill costs none. Where a file cannot be
written any more (its disk is full) that is told once, and the run goes on.

The events, one JSON object a line, each with `event` and `time` (seconds since 1970): `begin` (what was asked), `item`
for each item that ended (`index`, `item`, `key`, `ok`, `replayed`, `seconds`, `worker`, `attempts`, `error`), `note`
(what was told meanwhile, as of a signal), `end` (the summary of `--json`).
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

from procession.cli.report import kind_of, message_of
from procession.model.errors import ProcessionError
from procession.model.outcome import Attempt, Outcome


class FileRefused(ProcessionError):
    """A file to write to cannot be opened; no work was started.

    Args:
        option: The flag that names it.
        name: The file.
        reason: Why not.
    """

    facts = ("option", "name", "reason")
    option: str
    name: str
    reason: str

    def text(self) -> str:
        return f"{self.option} {self.name!r}: cannot be written: {self.reason}"


class Chronicle:
    """Writes nothing, and is what the writers begin with."""

    def begin(self, facts: dict[str, Any]) -> None:
        """Note what was asked."""

    def item(self, outcome: Outcome[Any], name: str, key: str | None, replayed: bool) -> None:
        """Note that an item has ended."""

    def note(self, event: str, text: str) -> None:
        """Note something else."""

    def end(self, summary: dict[str, Any], text: str) -> None:
        """Note how the run ended."""

    def close(self) -> None:
        """Write no more."""


class Both(Chronicle):
    """Several writers at once.

    Args:
        writers: They.
    """

    def __init__(self, *writers: Chronicle) -> None:
        self._writers = writers

    def begin(self, facts: dict[str, Any]) -> None:
        for each in self._writers:
            each.begin(facts)

    def item(self, outcome: Outcome[Any], name: str, key: str | None, replayed: bool) -> None:
        for each in self._writers:
            each.item(outcome, name, key, replayed)

    def note(self, event: str, text: str) -> None:
        for each in self._writers:
            each.note(event, text)

    def end(self, summary: dict[str, Any], text: str) -> None:
        for each in self._writers:
            each.end(summary, text)

    def close(self) -> None:
        for each in self._writers:
            each.close()


class _Lines(Chronicle):
    """A file that lines are added to.

    Args:
        option: The flag that names it.
        name: The file.
        tell: Gets what is wrong where it cannot be written any more.

    Raises:
        FileRefused: It cannot be opened.
    """

    def __init__(self, option: str, name: str, tell: Callable[[str], object]) -> None:
        self._option = option
        self._name = name
        self._tell = tell
        try:
            opened = open(name, "a", buffering=1, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise FileRefused(option=option, name=name, reason=str(error.strerror)) from error
        self._file: TextIO | None = opened

    def _write(self, line: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write(line + "\n")
        except OSError as error:
            self.close()
            self._tell(f"{self._option} {self._name!r}: {error.strerror}; nothing more is written there")

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # what could not be written is told already
                file.close()


class Log(_Lines):
    """Lines for people, with the time of each."""

    def begin(self, facts: dict[str, Any]) -> None:
        self._say(" ".join(f"{name}={value}" for name, value in facts.items()))

    def item(self, outcome: Outcome[Any], name: str, key: str | None, replayed: bool) -> None:
        before = " (from the journal)" if replayed else ""
        if outcome.error is None:
            self._say(f"done {name}{_took(outcome)}{before}")
            return
        self._say(f"FAILED {name}{_took(outcome)}{before}: {kind_of(outcome.error)}: {message_of(outcome.error)}")
        for number, attempt in enumerate(outcome.attempts[:-1], 1):
            if attempt.error is not None:
                self._say(f"  attempt {number}: {kind_of(attempt.error)}: {message_of(attempt.error)}")
        for line in trace_of(outcome.error).splitlines():
            self._write(f"    {line}")

    def note(self, event: str, text: str) -> None:
        self._say(text)

    def end(self, summary: dict[str, Any], text: str) -> None:
        self._say(text)

    def _say(self, text: str) -> None:
        self._write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}")


class Events(_Lines):
    """JSON lines for programs."""

    def begin(self, facts: dict[str, Any]) -> None:
        self._event("begin", facts)

    def item(self, outcome: Outcome[Any], name: str, key: str | None, replayed: bool) -> None:
        facts = {
            "index": outcome.index,
            "item": name,
            "key": key,
            "ok": outcome.error is None,
            "replayed": replayed,
            "seconds": outcome.seconds,
            "worker": outcome.worker,
            "attempts": [_attempt(each) for each in outcome.attempts],
            "error": _error(outcome.error),
        }
        self._event("item", facts)

    def note(self, event: str, text: str) -> None:
        self._event(event, {"text": text})

    def end(self, summary: dict[str, Any], text: str) -> None:
        self._event("end", summary)

    def _event(self, event: str, facts: dict[str, Any]) -> None:
        self._write(json.dumps({"event": event, "time": round(time.time(), 6), **facts}))


def open_chronicle(log: str | None, events: str | None, tell: Callable[[str], object]) -> Chronicle:
    """Open the files that were asked for.

    Args:
        log: The file for people, or None.
        events: The file for programs, or None.
        tell: Gets what is wrong where one cannot be written any more.

    Raises:
        FileRefused: One cannot be opened.
    """
    writers: list[Chronicle] = []
    if log is not None:
        writers.append(Log("--log", log, tell))
    if events is not None:
        writers.append(Events("--events", events, tell))
    return Both(*writers) if writers else Chronicle()


def trace_of(error: BaseException) -> str:
    """Give an error with its traceback, that of its worker too."""
    try:
        return "".join(traceback.format_exception(error)).rstrip()
    except Exception:  # its `str` raises
        return kind_of(error)


def _took(outcome: Outcome[Any]) -> str:
    return "" if outcome.seconds is None else f" in {outcome.seconds:.3f} s"


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {"seconds": attempt.seconds, "worker": attempt.worker, "error": _error(attempt.error)}


def _error(error: BaseException | None) -> dict[str, str] | None:
    return None if error is None else {"type": kind_of(error), "message": message_of(error)}
