"""A worker is a process of `multiprocessing`: its name, its number, its parent, its way of ending.

Knows: what `multiprocessing` keeps about the current process, and what it does at a process's begin and end.
Must not know: what is done in between.

Most programs never import `multiprocessing` beside us, and it costs 6 ms. So a worker that was born without it becomes
such a process at the moment when a task imports it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from procession.model.light import Any
from procession.worker import hooks
from procession.worker.look import MULTIPROCESSING


class Identity:
    """Who this worker is.

    Args:
        name: Its name, which ends with its number.
        parent: The process id of the pool's process.
        line: A descriptor that can be read when the parent is gone.
    """

    def __init__(self, name: str, parent: int, line: int) -> None:
        self._name = name
        self._parent = parent
        self._line = line

    def live(self, serve: Callable[[], None]) -> int:
        """Run `serve` as a process of `multiprocessing` runs its target; return the exit status."""
        process = sys.modules.get(MULTIPROCESSING)
        if process is None:
            hooks.when_loaded(MULTIPROCESSING, self._assume)
            return _live_plainly(serve)
        if sys.version_info >= (3, 13):  # the process's way out is a function at exit
            import atexit
            from multiprocessing import util

            atexit._clear()  # what the parent registered is the parent's
            atexit.register(util._exit_function)  # type: ignore[attr-defined]
        status: int = self._worker(process, serve)._bootstrap(self._line)  # private, unchanged from 3.8 to 3.14
        if sys.version_info >= (3, 13):
            atexit._run_exitfuncs()
        return status

    def _assume(self, process: Any) -> None:
        """Become the current process of `multiprocessing`."""
        process._parent_process = process._ParentProcess("MainProcess", self._parent, self._line)
        process._current_process = self._worker(process, None)

    def _worker(self, process: Any, serve: Callable[[], None] | None) -> Any:
        class PoolWorker(process.BaseProcess):  # type: ignore[misc]  # it is not imported before a task does
            _start_method = None  # what children of this process use is left to its tasks

            def run(self) -> None:
                if serve is not None:
                    serve()

        worker: Any = PoolWorker(name=self._name)
        worker._parent_pid = self._parent  # the nursery is nobody's business
        number = int(self._name.rpartition("-")[2])  # programs choose a GPU or a line by it
        worker._identity = (*worker._identity[:-1], number)
        return worker


def _live_plainly(serve: Callable[[], None]) -> int:
    if sys.version_info >= (3, 13):
        import atexit

        atexit._clear()  # what the parent registered is the parent's
    status = 0
    try:
        serve()
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 1
    # What a process of `multiprocessing` does last, in its order.
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None:
        util._exit_function()
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are no daemons
    if sys.version_info >= (3, 13):
        atexit._run_exitfuncs()
    return status


def flush_queues() -> None:
    """Let go out what was put into queues of `multiprocessing`, in a process that may be ended at any moment."""
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None:
        util._run_finalizers()
