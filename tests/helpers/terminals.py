"""A real terminal: a command in a pty that it controls, with keys to press and a screen to read.

Knows: pty, sessions, the control characters of a terminal.
Must not know: procession.

The command is the leader of the terminal's session. Ctrl-Z stops nothing there, since no shell could continue it: for
job control run a shell (`shell_session`) and type the command.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.helpers import processes, scripts

CTRL_C, CTRL_D, CTRL_Z, CTRL_BACKSLASH = b"\x03", b"\x04", b"\x1a", b"\x1c"
PROMPT = "ready> "


class Terminal:
    """One terminal and the command that runs in it."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.master = master
        self.process = process
        self.screen = ""

    @property
    def pid(self) -> int:
        """The command's process id."""
        return self.process.pid

    @property
    def foreground(self) -> int:
        """The process group that the terminal's signals go to."""
        return os.tcgetpgrp(self.master)

    def press(self, keys: bytes | str) -> None:
        """Send keys as if they were typed."""
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def read_until(self, text: str, timeout: float = 20.0, after: int = 0) -> str:
        """Read until the screen holds a text.

        Args:
            text: What to wait for.
            timeout: Seconds.
            after: Look only behind this place of `screen`.

        Raises:
            AssertionError: It did not appear in time; the screen is in the text.
        """
        end = time.monotonic() + timeout
        while text not in self.screen[after:]:
            if not self._read(end - time.monotonic()):
                raise AssertionError(f"no {text!r} within {timeout} s; the screen:\n{self.screen}")
        return self.screen

    def wait(self, timeout: float = 20.0) -> int:
        """Read until the command ends; give its exit code, negative for a signal.

        Raises:
            AssertionError: It did not end in time; the screen is in the text.
        """
        end = time.monotonic() + timeout
        while self.process.poll() is None:
            if time.monotonic() >= end:
                raise AssertionError(f"no end within {timeout} s; the screen:\n{self.screen}")
            self._read(min(0.02, end - time.monotonic()))
        while self._read(0.05):
            pass
        return self.process.returncode

    def hang_up(self) -> None:
        """Close the terminal, as when its window is closed: its session gets SIGHUP."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, self.master)
        os.close(nowhere)

    def _read(self, seconds: float) -> bool:
        if seconds <= 0 or not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            return False
        self.screen += data.decode(errors="replace")
        return bool(data)


@contextmanager
def pty_session(
    command: Sequence[str], folder: Path | None = None, environ: Mapping[str, str | None] | None = None
) -> Iterator[Terminal]:
    """Run a command in a terminal of its own, which it controls as session leader; kill what is left at the end.

    Args:
        command: The program and its arguments.
        folder: Its working directory.
        environ: Variables to set; None takes one away.
    """
    mark = f"{os.getpid()}-{os.urandom(8).hex()}"
    variables = scripts.environment({"TERM": "xterm", processes.MARK + "_SCRIPT": mark, **(environ or {})})
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 100))
    process = subprocess.Popen(
        list(command),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=folder,
        env=variables,
        start_new_session=True,
        preexec_fn=_control_terminal,
    )
    os.close(slave)
    try:
        yield Terminal(master, process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        processes.kill(processes.ours(mark))
        process.wait()
        os.close(master)


@contextmanager
def shell_session(folder: Path | None = None, environ: Mapping[str, str | None] | None = None) -> Iterator[Terminal]:
    """Run an interactive shell with job control in a terminal: type commands, press Ctrl-Z, type `fg`.

    Args:
        folder: Its working directory.
        environ: Variables to set; None takes one away.
    """
    command = ["bash", "--norc", "--noprofile", "--noediting", "-i"]
    with pty_session(command, folder, {"PS1": PROMPT, **(environ or {})}) as terminal:
        terminal.read_until(PROMPT)
        yield terminal


def _control_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
