"""The error of a wait that took too long: multiprocessing's TimeoutError and the built-in one at once.

Knows: both classes.
Must not know: what was waited for.
"""

from __future__ import annotations

import multiprocessing


class WaitTimeout(multiprocessing.TimeoutError, TimeoutError):
    """The caller waited as long as it wanted; what it waited for goes on."""
