"""How a worker process begins: what it must look like, its number, what it runs first, what is done around its items.

Knows: what the pool's maker chose, what of this process a worker needs to know, and the two ways in which what runs
first gets there: in the memory of a snapshot, or pickled, with the descriptors that belong to it.
Must not know: channels, and how nurseries work.
"""

from __future__ import annotations

import os
import sys

from procession.launcher import child, host
from procession.launcher.passage import Passage
from procession.launcher.start_methods import Method, preparation
from procession.model.light import Any
from procession.model.settings import Settings
from procession.wire import codec
from procession.wire.functions import NO_NAMES, Shipper
from procession.worker import inherited, look, threads

SHARE = 4  # large buffers may take the so-manieth part of the memory


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
        self._passage = Passage()
        limit = settings.max_shared
        self.shared = host.memory() // SHARE if limit is None else limit  # bytes; half of them are the parent's
        self._chosen = codec.dump({
            "threads": variables,
            "seed": settings.seed,
            "capture_output": settings.capture_output,
            "logging": settings.logging,
            "levels": self._levels(method, settings),
            "tracker": None if method.snapshot else self._passage.tracker(),
            "max_rss": None if settings.memory is None else settings.memory.bounds(host.memory()).soft,
        })  # fmt: skip
        self.look: bytes | None = None  # where workers are not copies of this process
        if not method.snapshot:
            state = look.take(preparation(method))
            state["environment"].update(variables)  # before the main module runs once more
            self.look = codec.dump(state)
        self._method = method
        self._preload = settings.preload
        self._calls = settings.initializer, settings.initargs, settings.worker_init, settings.worker_exit
        self._first = b""
        self.names = NO_NAMES  # of the main module, that what runs first needs

    @staticmethod
    def _levels(method: Method, settings: Settings) -> Any:
        if not settings.logging or "logging" not in sys.modules:
            return None
        if method.snapshot:
            import procession.worker.records  # noqa: F401  # once here, not once in each worker

            return None
        from procession.wire import records

        return records.take_levels()

    @property
    def descriptors(self) -> list[int]:
        """What each worker is given beside its own channel."""
        return self._passage.descriptors

    def connect(self) -> child.NurseryLink:
        """Find or start the nursery; a snapshot has what runs first in its memory.

        Raises:
            StartFailed: The system refused a process or a descriptor.
        """
        if not self._method.snapshot or not self._runs_something:
            return self._connect()
        number = inherited.store(self._calls)
        self._first = codec.dump(inherited.Stored(number))
        try:
            return self._connect()
        finally:
            inherited.forget(number)

    def _connect(self) -> child.NurseryLink:
        try:
            return child.connect(self._method, self._preload, self.variables)
        except BaseException:
            self._passage.close()
            raise

    def pack(self, shipper: Shipper) -> None:
        """Pickle what every worker runs first and last, unless it has that in its memory.

        Raises:
            BaseException: What pickling it raised.
        """
        if self._runs_something and not self._method.snapshot:
            # Plain pickle would write a connection down as the number of its descriptor.
            pack = shipper.pack_main if "multiprocessing.reduction" in sys.modules else shipper.pack
            with self._passage:
                packed = pack(self._calls, share=False)  # each worker gets it, also one that comes much later
            self._first, self.names = packed.data, packed.names

    @property
    def _runs_something(self) -> bool:
        initializer, _, *others = self._calls
        return initializer is not None or any(others)

    def body(self, place: int, worker: int, share: int) -> bytes:
        """Give the body of the BEGIN frame of a worker.

        Args:
            place: What it calls itself.
            worker: Its number.
            share: Bytes that its results may take in shared memory.
        """
        return codec.BEGIN_HEAD.pack(place, len(self._chosen), worker, share) + self._chosen + self._first

    def close(self) -> None:
        """Give the descriptors back, and let go of what the pool's maker gave."""
        self._passage.close()
        self._calls = None, (), None, None
