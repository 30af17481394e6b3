"""`multiprocessing.popen_forkserver`, as it is: how the fork server is asked for a child."""

from __future__ import annotations

import sys
from multiprocessing import popen_forkserver
from multiprocessing.popen_forkserver import *  # noqa: F403  # for type checkers; who imports this gets the module itself

sys.modules[__name__] = popen_forkserver
