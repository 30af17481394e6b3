"""`multiprocessing.managers`, whose `SyncManager` makes our pools.

Knows: the standard library's managers.
Must not know: how pools work.
"""

from __future__ import annotations

import multiprocessing.managers as standard
from multiprocessing.managers import *  # noqa: F403
from typing import Any

from procession.pool import Pool


class SyncManager(standard.SyncManager):  # type: ignore[no-redef]  # ours in place of theirs
    """A process that holds objects for others: lists, dictionaries, locks, queues, pools.

    Source: multiprocessing.managers.SyncManager.
    """


SyncManager.register("Pool", Pool, standard.PoolProxy)  # type: ignore[attr-defined]


def __getattr__(name: str) -> Any:
    return getattr(standard, name)
