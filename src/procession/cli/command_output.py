"""What the commands of `procession exec` wrote, shown item by item, and their log in GNU parallel's columns.

Knows: outcomes of commands, the two outputs of this process.
Must not know: how a command is run.

Only this process writes, and an item's output is written whole: nothing is interleaved. Large output is copied from its
file piece by piece.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO, Any

from procession.cli.output import LineWriter
from procession.jobs.command_errors import CommandNotStarted
from procession.jobs.commands import Ended
from procession.jobs.templates import Job, Template
from procession.model.outcome import Outcome

_PIECE = 1 << 16
_STDERR = 2
_NOT_STARTED = 127  # what a shell gives where there is no such program
_NOT_SEEN = -1  # as GNU parallel writes of a job that it has killed
_HEADINGS = "Seq Host Starttime JobRuntime Send Receive Exitval Signal Command".split()
_HERE = ":"  # GNU parallel's name of this machine
_BAR_GOES = b"\r\x1b[2K"  # what follows stands where a bar of progress stood; that is drawn anew below


class Printer:
    """Writes what commands wrote to this process's outputs.

    Args:
        lines: Where standard output goes.
        tag: Begin each line with the item and a tab.
        over_a_bar: Standard error is a terminal that shows a bar.
        folders: Where a file is looked for that is not where it was: its run has been moved.
    """

    def __init__(self, lines: LineWriter, *, tag: bool, over_a_bar: bool, folders: Sequence[str] = ()) -> None:
        self._lines = lines
        self._folders = folders
        self._tag = tag
        self._begin = _BAR_GOES if over_a_bar else b""

    def show(self, job: Job, ended: Ended) -> None:
        """Write the output of one item.

        Args:
            job: The item.
            ended: Its end.

        Raises:
            OutputClosed: Nobody reads standard output.
            OSError: It could not be written.
        """
        if ended.stdout:
            for piece in self._pieces(job, ended.stdout):
                self._lines.write(piece)
        if ended.stderr:
            _write_error(self._begin)
            last = b""
            for last in self._pieces(job, ended.stderr):
                _write_error(last)
            if self._begin and not last.endswith(b"\n"):
                _write_error(b"\n")

    def _pieces(self, job: Job, output: bytes | str) -> Iterator[bytes]:
        pieces = iter((output,)) if isinstance(output, bytes) else _read(output, self._folders)
        if not self._tag:
            yield from pieces
            return
        tag = os.fsencode(" ".join(job.values)) + b"\t"
        at_begin = True
        for piece in pieces:
            whole = piece[:-1].replace(b"\n", b"\n" + tag) + piece[-1:]
            yield tag + whole if at_begin else whole
            at_begin = piece.endswith(b"\n")


def _read(path: str, folders: Sequence[str]) -> Iterator[bytes]:
    name = os.path.basename(path)
    found = (each for each in (path, *(os.path.join(folder, name) for folder in folders)) if os.path.exists(each))
    try:
        file = open(next(found, path), "rb")
    except FileNotFoundError:  # of an earlier session, and taken away since
        _write_error(b"procession exec: " + os.fsencode(path) + b" is gone, with the output of a command\n")
        return
    with file:
        while piece := file.read(_PIECE):
            yield piece


def _write_error(data: bytes) -> None:
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(_STDERR, left) :]
    except OSError:
        pass  # it is closed, or nobody reads it: what is said there is for nobody


class JobLog:
    """A log with a line for each command that has ended, in the columns of GNU parallel.

    Where it cannot be written any more (its disk is full) that is told once, and the run goes on.

    Args:
        file: Where it goes.
        template: The command.
    """

    def __init__(self, file: IO[str], template: Template) -> None:
        self._file = file
        self._template = template
        self._write(_HEADINGS)

    def note(self, job: Job, ended: Ended | None, error: BaseException | None) -> None:
        """Write a line.

        Args:
            job: The item.
            ended: Its end, if it began.
            error: Why it has none.
        """
        began, seconds, slot = (ended.began, ended.seconds, ended.slot) if ended else (0.0, 0.0, 1)
        status, number = _status_of(ended, error)
        received = _size(ended.stdout) if ended else 0
        command = self._template.text(job, slot).replace("\n", "\\n")  # a job is a line
        self._write((job.number, _HERE, f"{began:10.3f}", f"{seconds:10.3f}", 0, received, status, number, command))

    def _write(self, row: Sequence[object]) -> None:
        if self._file.closed:
            return
        try:
            self._file.write("\t".join(map(str, row)) + "\n")
            self._file.flush()  # who follows the log sees the job
        except OSError as error:
            self.close()
            text = f"procession exec: --joblog {self._file.name!r}: {error.strerror}; nothing more is written there\n"
            _write_error(text.encode("utf-8", "surrogateescape"))

    def close(self) -> None:
        """Write no more."""
        with suppress(OSError):  # what could not be written is told already
            self._file.close()


def _status_of(ended: Ended | None, error: BaseException | None) -> tuple[int, int]:
    """Give exit status and signal, as far as anybody knows them."""
    if isinstance(error, CommandNotStarted):
        return _NOT_STARTED, 0
    exitcode = ended.exitcode if ended is not None else getattr(error, "exitcode", None)  # of a worker that died
    if exitcode is not None and exitcode < 0:
        return 0, -exitcode
    return (ended.exitcode, 0) if ended is not None else (_NOT_SEEN, 0)


def _size(output: bytes | str) -> int:
    if isinstance(output, bytes):
        return len(output)
    return os.stat(output).st_size if os.path.exists(output) else 0


class Outputs:
    """Where the outcomes of commands go: their output to this process's, a line of each to the log.

    Args:
        printer: Shows output.
        lines: What it writes to.
        log: The log, or None.
        keep: Files of large output stay.
    """

    def __init__(self, printer: Printer, lines: LineWriter, log: JobLog | None, *, keep: bool) -> None:
        self._printer = printer
        self._lines = lines
        self._log = log
        self._keep = keep

    def take(self, outcome: Outcome[Any]) -> None:
        """Take a command that has ended well."""
        self._show(outcome.item, outcome.result, None)

    def failed(self, outcome: Outcome[Any]) -> None:
        """Take one that has failed: by its exit status, or before it had one."""
        self._show(outcome.item, getattr(outcome.error, "ended", None), outcome.error)

    def close(self, *, patience: float | None = None) -> None:
        """Write what is left."""
        self._lines.close(patience=patience)

    def _show(self, job: Job, ended: Ended | None, error: BaseException | None) -> None:
        if self._log is not None:
            self._log.note(job, ended, error)
        if ended is None:
            return
        self._printer.show(job, ended)
        for path in (ended.stdout, ended.stderr):
            if isinstance(path, str) and not self._keep:
                os.unlink(path)
