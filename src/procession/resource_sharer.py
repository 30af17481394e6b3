"""`multiprocessing.resource_sharer`, as it is: descriptors on request."""

from __future__ import annotations

import sys
from multiprocessing import resource_sharer
from multiprocessing.resource_sharer import *  # noqa: F403  # for type checkers; who imports this gets the module itself

sys.modules[__name__] = resource_sharer
