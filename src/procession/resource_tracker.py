"""`multiprocessing.resource_tracker`, as it is: named resources that must not be left behind."""

from __future__ import annotations

import sys
from multiprocessing import resource_tracker
from multiprocessing.resource_tracker import *  # noqa: F403  # for type checkers; who imports this gets the module itself

sys.modules[__name__] = resource_tracker
