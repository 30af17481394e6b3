"""`multiprocessing.shared_memory`, as it is: SharedMemory and ShareableList."""

from __future__ import annotations

import sys
from multiprocessing import shared_memory
from multiprocessing.shared_memory import *  # noqa: F403  # for type checkers; who imports this gets the module itself

sys.modules[__name__] = shared_memory
