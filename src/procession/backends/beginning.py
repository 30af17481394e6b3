"""How a worker process begins: what it must look like, its number, what it runs first, what is done around its items.

Knows: what the pool's maker chose, what of this process a worker needs to know.
Must not know: channels, nurseries.
"""

from __future__ import annotations

import os
import sys

from procession.launcher import host
from procession.launcher.start_methods import Method, preparation
from procession.model.light import Any
from procession.model.settings import Settings
from procession.wire import codec
from procession.wire.functions import NO_NAMES, Shipper
from procession.worker import look, threads


class Beginning:
    """The beginning of all workers of one pool; it is made before the first is born.

    Args:
        method: How they are born.
        settings: What the pool's maker chose.
        workers: How many share this machine.
    """

    def __init__(self, method: Method, settings: Settings, workers: int) -> None:
        insist = settings.threads_per_worker is not None
        count = settings.threads_per_worker or max(1, host.worker_count({}).count // workers)
        variables = self.variables = threads.choose(os.environ, count, insist)  # of the environment
        self._chosen = codec.dump({
            "threads": variables,
            "seed": settings.seed,
            "capture_output": settings.capture_output,
            "logging": settings.logging,
            "levels": self._levels(method, settings),
        })  # fmt: skip
        self.look: bytes | None = None  # where workers are not copies of this process
        if not method.snapshot:
            state = look.take(preparation(method))
            state["environment"].update(variables)  # before the main module runs once more
            self.look = codec.dump(state)
        self._last = settings.worker_init, settings.worker_exit
        self._first = b""
        self.names = NO_NAMES  # of the main module, that what runs first needs
        self._numbers: dict[int, int] = {}

    @staticmethod
    def _levels(method: Method, settings: Settings) -> Any:
        if not settings.logging or "logging" not in sys.modules:
            return None
        if method.snapshot:
            import procession.worker.records  # noqa: F401  # once here, not once in each worker

            return None
        from procession.wire import records

        return records.take_levels()

    def pack(self, shipper: Shipper, initializer: Any, initargs: tuple[Any, ...]) -> None:
        """Pickle what every worker runs first and last.

        Raises:
            BaseException: What pickling it raised.
        """
        if initializer is not None or any(self._last):
            packed = shipper.pack((initializer, initargs, *self._last))
            self._first, self.names = packed.data, packed.names

    def body(self, worker: int) -> bytes:
        """Give the body of a worker's BEGIN frame; the worker takes the lowest number that is free."""
        taken = set(self._numbers.values())
        number = next(each for each in range(len(taken) + 1) if each not in taken)
        self._numbers[worker] = number
        return codec.BEGIN_HEAD.pack(number, len(self._chosen)) + self._chosen + self._first

    def free(self, worker: int) -> None:
        """A worker has ended, or is about to: another one may have its number."""
        self._numbers.pop(worker, None)
