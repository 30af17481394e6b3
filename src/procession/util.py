"""`multiprocessing.util`, as it is: loggers, finalizers."""

from __future__ import annotations

import sys
from multiprocessing import util
from multiprocessing.util import *  # noqa: F403  # for type checkers; who imports this gets the module itself

sys.modules[__name__] = util
