"""`multiprocessing.popen_fork`, as it is: how a child is forked."""

from __future__ import annotations

import sys
from multiprocessing import popen_fork
from multiprocessing.popen_fork import *  # noqa: F403  # for type checkers; who imports this gets the module itself

sys.modules[__name__] = popen_fork
