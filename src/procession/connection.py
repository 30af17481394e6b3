"""`multiprocessing.connection`, as it is: Client, Listener, wait, Pipe."""

from __future__ import annotations

import sys
from multiprocessing import connection
from multiprocessing.connection import *  # noqa: F403  # for type checkers; who imports this gets the module itself
from multiprocessing.connection import Connection as Connection

sys.modules[__name__] = connection
