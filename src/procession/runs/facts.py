"""What a session keeps about itself: who runs what where, with which versions.

Knows: this process, this machine.
Must not know: items, outcomes.
"""

from __future__ import annotations

import os
import platform
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import procession
from procession.model.errors import shorten


def of_session(facts: Mapping[str, object], options: Mapping[str, Any]) -> dict[str, object]:
    """Give the facts of the session that begins now, as plain data.

    Args:
        facts: The caller's; they win.
        options: What the stream is called with.
    """
    try:
        folder = os.getcwd()
    except OSError:
        folder = "?"  # it was deleted
    return {
        "start": datetime.now(UTC).isoformat(timespec="seconds"),
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "folder": folder,
        "command": [sys.executable, *sys.argv],
        "versions": {
            "procession": procession.__version__,
            "python": platform.python_version(),
            "system": platform.platform(),
        },
        "arguments": {name: _plain(value) for name, value in options.items()},
        **facts,
    }


def _plain(value: Any) -> object:
    return value if isinstance(value, (str, int, float, bool, type(None))) else shorten(value, 200)


def workers() -> int:
    """Say how many workers a run has that does not say how many."""
    from procession.launcher.host import worker_count

    return worker_count().count
