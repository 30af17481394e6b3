"""`multiprocessing.popen_spawn_posix`, as it is: how a child is executed."""

from __future__ import annotations

import sys
from multiprocessing import popen_spawn_posix
from multiprocessing.popen_spawn_posix import *  # noqa: F403  # for type checkers; who imports this gets the module itself

sys.modules[__name__] = popen_spawn_posix
