"""`multiprocessing.spawn`, as it is: how a fresh interpreter becomes a child."""

from __future__ import annotations

import sys
from multiprocessing import spawn
from multiprocessing.spawn import *  # noqa: F403  # for type checkers; who imports this gets the module itself

sys.modules[__name__] = spawn
