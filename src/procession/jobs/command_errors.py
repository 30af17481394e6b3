"""Why a command's item failed.

Knows: the facts of each error, kept as attributes as in `model/errors.py`.
Must not know: how a command is run.
"""

from __future__ import annotations

import signal
from typing import Any

from procession.model.errors import ProcessionError


class CommandFailed(ProcessionError):
    """The command ended with an exit status other than 0, or by a signal.

    Args:
        command: The command, as it could be typed into a shell.
        exitcode: Its exit status; negative: the number of the signal that ended it.
        stderr: The last lines that it wrote to standard error.
        ended: How it ended, with its output: a `procession.jobs.commands.Ended`.
    """

    facts = ("command", "exitcode", "stderr", "ended")
    command: str
    exitcode: int
    stderr: str
    ended: Any

    def text(self) -> str:
        last = f": {self.stderr}" if self.stderr else ""
        return f"{_how(self.exitcode)}{last}"


class CommandNotStarted(ProcessionError):
    """The command could not be started.

    Args:
        command: The command, as it could be typed into a shell.
        reason: What the system said.
    """

    facts = ("command", "reason")
    command: str
    reason: str

    def text(self) -> str:
        return f"could not be started: {self.reason}"


def _how(exitcode: int) -> str:
    if exitcode >= 0:
        return f"exit status {exitcode}"
    try:
        return f"ended by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"ended by signal {-exitcode}"
