"""The child of a task, which came back from it into our own frames: how it ends.

Knows: what an error looks like that our own code raised there, and how an interpreter tells of any other.
Must not know: channels, batches.
"""

from __future__ import annotations

import sys

from procession.wire.exceptions import encode

FRAMES_OF_A_STEP = 3  # _advance, step, and one of steps.py: an error from deeper inside is the task's


def is_ours(error: BaseException) -> bool:
    """True for what a store into the counter raises in the child of a task, not for what the task itself raised."""
    trace, depth = error.__traceback__, 0
    while trace is not None:
        trace, depth = trace.tb_next, depth + 1
    return isinstance(error, ValueError) and depth <= FRAMES_OF_A_STEP


def end_by(error: BaseException) -> int:
    """Tell of an error as an interpreter does that ends with it; return the exit status."""
    code = error.code if isinstance(error, SystemExit) else 1
    if code is None or isinstance(error, SystemExit) and isinstance(code, int):
        return (code or 0) & 0xFF
    try:
        print(code if isinstance(error, SystemExit) else encode(error)[4].rstrip(), file=sys.stderr)
    except (AttributeError, OSError, ValueError):
        pass  # as above
    return 1
