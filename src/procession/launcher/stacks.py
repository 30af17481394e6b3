"""The Python stacks of workers, as they tell them themselves (`worker/stacks.py`).

Knows: signals, /proc.
Must not know: what the workers run.

How it works: a worker is asked only if it answers the signal, which would end any other program. Its answer is whole
when the signal is neither waiting nor, as inside of its handler, blocked in any thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from time import monotonic, sleep

from procession.worker.stacks import FILE, SIGNAL

LOOK_SECONDS = 0.001  # between two looks
MOST_BYTES = 1 << 20  # of an answer


class Question:
    """One worker that is asked for its stack.

    Args:
        pid: Its process id.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.answer: str | None = None
        self.reason = "it does not answer"  # why there is no answer
        self._file = -1
        self._begin = 0
        self._blocked: set[str] = set()  # threads that never get the signal

    def ask(self) -> bool:
        """Ask; False if there will be no answer."""
        try:
            state = _status(self.pid, str(self.pid))
            if state["State"][0] in "ZX":
                raise ProcessLookupError
            if not _has(state, "SigCgt"):
                self.reason = "it does not answer: it has become another program, or has not begun"
                return False
            self._file = self._open()
            if self._file < 0:
                self.reason = "it does not answer: a task closed the descriptors of its worker"
                return False
            self._begin = os.fstat(self._file).st_size
            self._blocked = {thread for thread, each in _threads(self.pid) if _has(each, "SigBlk")}
            os.kill(self.pid, SIGNAL)
        except (FileNotFoundError, ProcessLookupError):
            self.reason = "it has ended"
            return False
        except PermissionError as error:
            self.reason = f"it belongs to another user now: {error}"
            return False
        if state["State"][0] in "Tt":
            self.reason = "it is stopped (SIGSTOP, Ctrl-Z or a debugger) and answers when it goes on"
            return False
        return True

    def look(self) -> bool:
        """See whether the answer is whole, or will never come."""
        try:
            if os.fstat(self._file).st_size == self._begin:
                os.kill(self.pid, 0)
                return False
            threads = dict(_threads(self.pid))
            unheard = any(_has(each, "ShdPnd") or _has(each, "SigPnd") for each in threads.values())
            if unheard or any(_has(each, "SigBlk") for name, each in threads.items() if name not in self._blocked):
                return False
        except (FileNotFoundError, ProcessLookupError):
            self.reason = "it has ended"
            return True
        self.answer = os.pread(self._file, MOST_BYTES, self._begin).decode(errors="replace")
        return True

    def _open(self) -> int:
        """Find the file that it writes to."""
        folder, file = f"/proc/{self.pid}/fd", f"/memfd:{FILE.format(pid=self.pid)} "
        for name in os.listdir(folder):
            try:
                if os.readlink(f"{folder}/{name}").startswith(file):
                    return os.open(f"{folder}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue  # it was closed meanwhile
        return -1

    def close(self) -> None:
        """Give the descriptor back."""
        if self._file >= 0:
            os.close(self._file)


def _status(pid: int, thread: str) -> dict[str, str]:
    with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8", errors="replace") as file:
        pairs = (line.partition(":") for line in file)
        return {name: value.strip() for name, _, value in pairs}


def _threads(pid: int) -> Iterator[tuple[str, dict[str, str]]]:
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            yield thread, _status(pid, thread)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile


def _has(status: dict[str, str], mask: str) -> bool:
    return bool(int(status.get(mask, "0"), 16) >> (SIGNAL - 1) & 1)


def stacks(pids: Iterable[int], timeout: float) -> dict[int, Question]:
    """Ask all these workers at once; wait for their answers no longer than `timeout` seconds."""
    questions = {pid: Question(pid) for pid in pids}
    try:
        open_ones = [each for each in questions.values() if each.ask()]
        until = monotonic() + timeout
        while open_ones := [each for each in open_ones if not each.look()]:
            if monotonic() >= until:
                for each in open_ones:
                    each.reason = (
                        f"it did not answer within {timeout:.2g} s: the signal is blocked there, or it never runs"
                    )
                break
            sleep(LOOK_SECONDS)
    finally:
        for each in questions.values():
            each.close()
    return questions
