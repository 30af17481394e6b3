"""`multiprocessing.heap`, as it is: shared memory for Value and Array."""

from __future__ import annotations

import sys
from multiprocessing import heap
from multiprocessing.heap import *  # noqa: F403  # for type checkers; who imports this gets the module itself

sys.modules[__name__] = heap
