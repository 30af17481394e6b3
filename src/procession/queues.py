"""`multiprocessing.queues`, as it is: Queue, SimpleQueue, JoinableQueue."""

from __future__ import annotations

import sys
from multiprocessing import queues
from multiprocessing.queues import *  # noqa: F403  # for type checkers; who imports this gets the module itself

sys.modules[__name__] = queues
