"""Notices: what is told on standard error because no caller waits for it.

Knows: the texts.
Must not know: what led to them.
"""

from __future__ import annotations

import sys


def print_error(error: BaseException | None = None) -> None:
    """Tell what a callback raised; it ends nothing, not even where standard error is closed."""
    import traceback

    try:
        traceback.print_exception(error or sys.exception())
    except Exception:
        pass  # nobody is there to be told


def function_shared(size: int) -> None:
    """Tell the log that a function holds much data."""
    get_logger = getattr(sys.modules.get("logging"), "getLogger", None)
    if get_logger is not None:  # else it is not loaded, or another thread is at it
        text = "a function holds %.0f MB of data; they were written into shared memory once for this call"
        get_logger("procession").info(text, size / 1e6)


def worker_killed(pid: int) -> None:
    """Tell that a worker which was to end did not."""
    try:
        print(
            f"procession: worker {pid} had nothing more to do and did not end: killed; does a task leave a thread "
            "that is no daemon, or an exit handler that waits?",
            file=sys.stderr,
        )
    except Exception:
        pass  # nobody is there to be told
