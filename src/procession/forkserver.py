"""`multiprocessing.forkserver`, as it is: the standard library's fork server."""

from __future__ import annotations

import sys
from multiprocessing import forkserver
from multiprocessing.forkserver import *  # noqa: F403  # for type checkers; who imports this gets the module itself

sys.modules[__name__] = forkserver
