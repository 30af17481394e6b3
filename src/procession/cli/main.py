"""Where the command `procession` begins and ends: signals become exceptions, exceptions become exit codes.

Knows: the exit codes.
Must not know: commands. They are loaded when this is in place, so an interrupt during that ends quietly too.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

OK, FAILED, USAGE, INTERRUPTED, CLOSED_OUTPUT = 0, 1, 2, 130, 141  # 128 + the signal's number, as shells count
_ENDING_SIGNALS = ("SIGTERM", "SIGHUP")


class Terminated(KeyboardInterrupt):
    """A signal asked the command to end. What a KeyboardInterrupt cleans up on its way, this cleans up too.

    Args:
        number: The signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


def status_of(interrupt: KeyboardInterrupt) -> int:
    """Give the exit code of a command that was interrupted."""
    return 128 + interrupt.number if isinstance(interrupt, Terminated) else INTERRUPTED


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    try:
        _watch_signals()
        status = _run()
    except KeyboardInterrupt as interrupt:
        status = status_of(interrupt)
    except BrokenPipeError:
        status = CLOSED_OUTPUT
    _leave(status)


def _run() -> int:
    from procession.cli import commands

    return commands.run()


def _watch_signals() -> None:
    for name in _ENDING_SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # nohup has SIGHUP ignored: leave it so
            signal.signal(number, _terminate)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated(number)


def _leave(status: int) -> NoReturn:
    """Exit; whoever read our output may be gone, and Python would complain about that at its very end."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):  # closed by its reader; closed before we began; not there at all
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
    sys.exit(status)
