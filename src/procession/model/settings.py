"""What a pool's maker chose, checked: how many workers, and how each of them lives.

Knows: the choices.
Must not know: who carries them out.
"""

from __future__ import annotations

from procession.model.light import Any, Record


class Settings(Record):
    """The settings of one pool.

    Args:
        workers: How many.
        quota: Items that one worker may run, or None.
        initializer: What every worker runs first, or None.
        initargs: Its arguments.
        preload: Modules that a clean nursery imports first.
        title: How the workers are named, e.g. `ForkPoolWorker`.
    """

    __slots__ = ("workers", "quota", "initializer", "initargs", "preload", "title")

    def __init__(
        self,
        *,
        workers: int,
        quota: int | None = None,
        initializer: Any = None,
        initargs: tuple[Any, ...] = (),
        preload: tuple[str, ...] = (),
        title: str = "PoolWorker",
    ) -> None:
        self.workers = workers
        self.quota = quota
        self.initializer = initializer
        self.initargs = initargs
        self.preload = preload
        self.title = title
