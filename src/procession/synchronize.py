"""`multiprocessing.synchronize`, as it is: Lock, RLock, Semaphore, Condition, Event, Barrier."""

from __future__ import annotations

import sys
from multiprocessing import synchronize
from multiprocessing.synchronize import *  # noqa: F403  # for type checkers; who imports this gets the module itself

sys.modules[__name__] = synchronize
