"""`aio.Pool`: a pool of worker processes for programs on an event loop.

Knows: how it begins and ends, without ever blocking the event loop.
Must not know: what its calls promise; `aio_calls.py` has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from procession import pool as blocking
from procession.aio_calls import Calls
from procession.aio_results import Wake
from procession.aio_streams import Stream as Stream
from procession.model.errors import PoolTerminated

if TYPE_CHECKING:
    from typing import Unpack

    from procession.model.settings import BackendName, WorkerOptions
    from procession.monitor.progress import ProgressOption


class Pool(Calls):
    """A pool of worker processes whose calls are awaited.

    At the end of an `async with` it takes no further calls and waits until those are done that are awaited; if its body
    raised or was cancelled, it is terminated. It may be used from several event loops.

    Args:
        kill_on_cancel: Whether cancelling a task also ends the item that runs for it, with its worker; another worker
            takes its place. False: it runs to its end, and its result is dropped. Each call may choose for itself.

    All others are those of `procession.Pool`.

    Raises:
        As `procession.Pool`.
    """

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: Any = None,
        *,
        kill_on_cancel: bool = False,
        preload: Sequence[str] = (),
        progress: ProgressOption = False,
        backend: BackendName = "processes",
        **options: Unpack[WorkerOptions],
    ) -> None:
        self._pool = blocking.Pool(
            processes, initializer, initargs, maxtasksperchild, context, preload=preload, progress=progress,
            backend=backend, **options,
        )  # fmt: skip
        super().__init__(self._pool._engine, self._pool._intake, kill_on_cancel)

    @property
    def size(self) -> int:
        """The number of workers."""
        return self._pool.size

    def resize(self, processes: int | None) -> None:
        """Have another number of workers from now on, as `procession.Pool.resize`."""
        self._pool.resize(processes)

    # The end.

    def close(self) -> None:
        """Take no further calls; the workers end when all is done."""
        self._pool.close()

    def terminate(self) -> None:
        """End now: running items are ended, unfinished calls get `PoolTerminated`. `await join()` waits for the end."""
        self._pool.stop()

    async def join(self) -> None:
        """Wait until all workers have ended.

        Raises:
            ValueError: Neither `close` nor `terminate` was called before.
        """
        if self._pool._state == blocking.RUN:
            raise ValueError("the pool is still running: call close() or terminate() before join()")
        ended = Wake(self._mail_here())
        self._engine.when_ended(ended)
        await ended.future
        self._engine.join()  # its thread has done its last step
        here = asyncio.get_running_loop()
        reading = [task for task in self._feeders if task.get_loop() is here and not task.done()]
        if reading:
            await asyncio.wait(reading)

    async def __aenter__(self) -> Self:
        self._pool.__enter__()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            for stream in list(self._streams):
                stream.end_with(PoolTerminated(reason="the `async with` of the pool has ended"))
            self.close()
        else:
            self.terminate()
        try:
            await self.join()
        except BaseException as broken:
            self.terminate()
            if not isinstance(broken, GeneratorExit):  # then nobody would wait
                await self.join()  # it takes half a second at the most
            raise

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__} state={self._pool._state} pool_size={self.size}>"
