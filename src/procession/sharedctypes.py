"""`multiprocessing.sharedctypes`, as it is: Value and Array."""

from __future__ import annotations

import sys
from multiprocessing import sharedctypes
from multiprocessing.sharedctypes import *  # noqa: F403  # for type checkers; who imports this gets the module itself

sys.modules[__name__] = sharedctypes
