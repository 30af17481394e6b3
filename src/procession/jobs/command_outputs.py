"""Where the output of a command goes while it runs, and under which names it is kept.

Knows: files without a name, files of a results folder, and when an output is large.
Must not know: the command.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from procession.jobs.templates import Job

LARGE_BYTES = 1 << 18  # up to here an output travels as bytes; more stays in a file, or a few items would fill memory
STDOUT, STDERR, EXIT = "stdout", "stderr", "exit"
_LONGEST_NAME = 200  # bytes of a name; file systems take 255, suffixes and temporary names need some
_NAMELESS = hasattr(os, "O_TMPFILE")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+=@~")


class Output:
    """One output of one command.

    Args:
        descriptor: The file that the command writes to.
        path: Its name, or None.
        kept: The file is to stay.
        large: The name that it gets if it has none and is large.
    """

    def __init__(self, descriptor: int, path: str | None, kept: bool, large: str) -> None:
        self.descriptor = descriptor
        self._path = path
        self._kept = kept
        self._large = large
        self._taken = False

    def take(self, lasting: bool) -> bytes | str:
        """Give what was written, or the name of the file that holds it.

        Args:
            lasting: See to it that such a file is on disk.
        """
        size = os.fstat(self.descriptor).st_size
        if size == 0:
            return b""
        if size <= LARGE_BYTES:
            return os.pread(self.descriptor, size, 0)
        self._taken = True
        if lasting:
            os.fsync(self.descriptor)
        if self._path is None:
            self._path = self._large
            _remove(self._large)  # of an earlier attempt
            # A descriptor's folder must be named, or Python calls link(), which does not follow.
            os.link(f"/proc/self/fd/{self.descriptor}", self._large, src_dir_fd=self.descriptor, follow_symlinks=True)
        return self._path

    def close(self) -> None:
        """Let go of the file; it is gone unless it is kept or its name was given away."""
        os.close(self.descriptor)
        if self._path is not None and not self._kept and not self._taken:
            _remove(self._path)


def open_both(folder: str, results: str | None, job: Job) -> tuple[Output, Output]:
    """Open the two outputs of a command.

    Args:
        folder: Where large outputs get a name.
        results: Where outputs are kept, or None.
        job: The item.
    """
    if results is not None:
        _remove(path_of(results, job, EXIT))  # of an earlier run: what it stood for is gone
    stdout = _open(folder, results, job, STDOUT)
    try:
        return stdout, _open(folder, results, job, STDERR)
    except BaseException:
        stdout.close()
        raise


def _open(folder: str, results: str | None, job: Job, kind: str) -> Output:
    # The number keeps an item that is given twice apart, the digest one that has this number in a later run.
    large = os.path.join(folder, f"{job.number}-{_digest(job.key())}.{kind}")
    if results is not None:
        path = path_of(results, job, kind)
        return Output(_fresh(path), path, True, large)
    if _NAMELESS:
        try:
            return Output(os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_APPEND, 0o600), None, False, large)
        except OSError:
            pass  # this file system has none
    return Output(_fresh(large), large, False, large)


def _fresh(path: str) -> int:
    """Open a new file under this name: who still writes to an older one (the same item, given twice) keeps that."""
    while True:
        _remove(path)
        try:
            return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND, 0o666)
        except FileExistsError:
            continue


def write_exit(results: str, job: Job, exitcode: int) -> None:
    """Note the exit status, at the end: where it stands the output is whole."""
    path = path_of(results, job, EXIT)
    unfinished = f"{path}.{os.getpid()}.tmp"
    Path(unfinished).write_text(f"{exitcode}\n")
    os.replace(unfinished, path)


def path_of(results: str, job: Job, kind: str) -> str:
    """Name the file that an output of an item is kept in.

    Args:
        results: The folder.
        job: The item.
        kind: `stdout`, `stderr` or `exit`.
    """
    return os.path.join(results, f"{safe_name(job.values)}.{kind}")


def safe_name(values: tuple[str, ...]) -> str:
    """Give an item a file name: readable, safe, and no two items the same.

    Letters, digits and `_-.+=@~` stand for themselves, each other byte is `%` and two digits, values are joined by `,`.
    A long name is cut and ends with a hash.
    """
    name = ",".join(_encoded(value) for value in values)
    if len(name) <= _LONGEST_NAME:
        return name or "%"
    return f"{name[: _LONGEST_NAME - 19]}%{_digest(name)}%"  # no value encodes to an end like this


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def _encoded(value: str) -> str:
    parts = [chr(byte) if chr(byte) in _PLAIN else f"%{byte:02X}" for byte in os.fsencode(value)]
    if parts and parts[0] == ".":  # neither hidden nor `..`
        parts[0] = "%2E"
    return "".join(parts)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
