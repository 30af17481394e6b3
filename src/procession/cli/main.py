"""Where the command `procession` begins and ends: signals become exceptions, exceptions become exit codes.

Knows: the exit codes.
Must not know: commands. They are loaded when this is in place, so an interrupt during that ends quietly too.
"""

from __future__ import annotations

import io
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # until the signals are watched an interrupt shows a traceback: be quick
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, NoReturn

OK, FAILED, MISUSED, CLOSED_OUTPUT = 0, 1, 2, 141
_SIGNAL = 128  # + the signal's number, as shells count
_ENDING_SIGNALS = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL, "SIGHUP": signal.SIG_DFL}
_AGAIN_SECONDS = 0.02  # long enough to be out of the callback, too short to be noticed
_received: list[int] = []
_first: list[Callable[[int], object]] = []  # what the first signal calls in place of ending the command


class Terminated(KeyboardInterrupt):
    """A signal asked the command to end: Ctrl-C, SIGTERM, SIGHUP. What cleans up after the first does so after all.

    Args:
        number: The signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


def received() -> int | None:
    """Give the number of the signal that asked the command to end, if any. Its exception may get lost, this not."""
    return _received[0] if _received else None


def status_of(number: int) -> int:
    """Give the exit code of a command that a signal has ended."""
    return _SIGNAL + number


def on_first_signal(call: Callable[[int], object] | None) -> None:
    """Choose what the first signal does in place of ending the command; the second one ends it.

    Args:
        call: Gets the signal's number, between two steps of the main thread: it must wait for nothing that this thread
            may hold. None: the first signal ends the command.
    """
    _first[:] = [] if call is None else [call]


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    try:
        _watch_signals()
        _say_to_whoever_hears()
        status = _run()
    except KeyboardInterrupt:
        status = status_of(received() or signal.SIGINT)
    except BrokenPipeError:
        status = CLOSED_OUTPUT
    _leave(status)


def _run() -> int:
    from procession.cli import commands

    return commands.run()


def _watch_signals() -> None:
    for name, usual in _ENDING_SIGNALS.items():
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == usual:  # nohup has SIGHUP ignored: leave it so
            signal.signal(number, _terminate)
    sys.unraisablehook = _raise_again


class _Heard(io.FileIO):
    """Standard error of a terminal that was closed, a pipe that nobody reads, a full disk: it ends no run."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def _say_to_whoever_hears() -> None:
    usual = sys.stderr
    if usual is None:  # closed before we began
        return
    heard = io.BufferedWriter(_Heard(usual.fileno(), "w", closefd=False))
    sys.stderr = io.TextIOWrapper(heard, usual.encoding, "backslashreplace", line_buffering=True)


def _terminate(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    if _first and len(_received) == 1:
        _first[0](number)
    else:
        raise Terminated(number)


def _raise_again(lost: sys.UnraisableHookArgs) -> None:
    """Send a signal again whose exception came up where Python drops it, as in a weak reference's callback."""
    if not isinstance(lost.exc_value, Terminated) or not hasattr(signal, "pthread_kill"):
        sys.__unraisablehook__(lost)
        return
    import threading

    main_thread = threading.main_thread().ident or 0
    again = threading.Timer(_AGAIN_SECONDS, signal.pthread_kill, (main_thread, lost.exc_value.number))
    again.daemon = True
    again.start()


def _leave(status: int) -> NoReturn:
    """Exit; whoever read our output may be gone, and Python would complain about that at its very end."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):  # closed by its reader; closed before we began; not there at all
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
    sys.exit(status)
