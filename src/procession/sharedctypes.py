"""`multiprocessing.sharedctypes`, as it is: Value and Array."""

from __future__ import annotations

import sys
from multiprocessing import sharedctypes
from multiprocessing.sharedctypes import *  # noqa: F403  # for type checkers; who imports this gets the module itself
from multiprocessing.sharedctypes import Synchronized as Synchronized
from multiprocessing.sharedctypes import SynchronizedArray as SynchronizedArray
from multiprocessing.sharedctypes import SynchronizedBase as SynchronizedBase
from multiprocessing.sharedctypes import SynchronizedString as SynchronizedString

sys.modules[__name__] = sharedctypes
