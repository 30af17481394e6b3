"""`multiprocessing.dummy`, as it is: the same interface, with threads."""

from __future__ import annotations

import sys
from multiprocessing import dummy
from multiprocessing.dummy import *  # noqa: F403  # for type checkers; who imports this gets the module itself

sys.modules[__name__] = dummy
