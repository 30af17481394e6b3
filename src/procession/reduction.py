"""`multiprocessing.reduction`, as it is: how descriptors and sockets travel."""

from __future__ import annotations

import sys
from multiprocessing import reduction
from multiprocessing.reduction import *  # noqa: F403  # for type checkers; who imports this gets the module itself

sys.modules[__name__] = reduction
