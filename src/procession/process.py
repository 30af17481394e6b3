"""`Process`: that of `multiprocessing`, which also gives its result, and ends when its parent does.

Knows: what multiprocessing keeps about processes, and how it starts them.
Must not know: pools.
"""

from __future__ import annotations

import multiprocessing.context as standard
import os
from collections.abc import Callable, Iterable, Mapping
from multiprocessing import process
from multiprocessing.process import active_children as active_children
from multiprocessing.process import current_process as current_process
from multiprocessing.process import parent_process as parent_process
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from procession.launcher import bond, forks
from procession.model.errors import WorkerDied
from procession.timeouts import WaitTimeout

REAPED_SECONDS = 1.0  # how long that may take; then somebody else has collected it, and nobody will know
_Base = process.BaseProcess


if TYPE_CHECKING:
    from typing_extensions import TypeVar  # one with a default: a subclass need name no type

    T = TypeVar("T", default=Any)

    class _Typed(Generic[T]):
        def __init__(
            self,
            group: None = None,
            target: Callable[..., T] | None = None,
            name: str | None = None,
            args: Iterable[Any] = (),
            kwargs: Mapping[str, Any] = {},  # as multiprocessing has it
            *,
            daemon: bool | None = None,
        ) -> None: ...

        def result(self, timeout: float | None = None) -> T: ...
else:
    T = None

    class _Typed:
        def __class_getitem__(cls, kind):
            return cls  # `Process[int]`


class _Bound(_Base):
    """What all our processes have in common. Names are mangled: a user's subclass has attributes of its own."""

    __bond: bond.Bond | None = None
    __outcome: bond.Outcome | None = None

    def start(self) -> None:
        """Start the child process.

        Raises:
            OSError: The system refused a process or descriptors.
        """
        if self.__bond is not None or self._closed:  # type: ignore[attr-defined]
            super().start()  # which says what is wrong
        made = self.__bond = bond.make()
        try:
            with forks.keeping(made.theirs):
                super().start()
        except BaseException:
            self.__bond = None
            made.close()
            raise
        made.born()

    def run(self) -> Any:
        """What the child does: call the target. A subclass may do something else; what it returns is the result."""
        target = self._target  # type: ignore[attr-defined]
        if target:
            return target(*self._args, **self._kwargs)  # type: ignore[attr-defined]
        return None

    def _bootstrap(self, parent_sentinel: Any = None) -> int:
        if self.__bond is not None:
            held, run = self.__bond, self.run
            held.hold()
            self.run = lambda: held.tell(run)  # type: ignore[method-assign]
        code: int = super()._bootstrap(parent_sentinel)  # type: ignore[misc]
        return code

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end of the process.

        Args:
            timeout: Seconds to wait. None: for ever.
        """
        super().join(timeout)
        until = monotonic() + REAPED_SECONDS
        while timeout is None and self.exitcode is None and monotonic() < until:
            sleep(0.001)  # another thread, in its `start`, has collected it and is about to note how it ended
        if self.__bond is not None and (self.exitcode is not None or timeout is None):
            self.__bond.ended()

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the end of the process and return what its target, or its `run`, returned.

        Args:
            timeout: Seconds to wait. None: for ever.

        Raises:
            TimeoutError: It still runs; ask again.
            WorkerDied: It ended before its target did, by a signal or `os._exit`.
            BaseException: What the target raised.
        """
        value, error = self.__wait(timeout)
        if error is not None:
            raise error
        return value

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the end of the process and return what its target raised; None if it returned.

        Raises:
            TimeoutError: As `result`.
        """
        return self.__wait(timeout)[1]

    def __wait(self, timeout: float | None) -> bond.Outcome:
        _Bound.join(self, timeout)
        if self.exitcode is None and timeout is not None:
            raise WaitTimeout(f"process {self.name!r} has not ended within timeout={timeout!r} seconds; it goes on")
        assert self.__bond is not None  # it was started
        with self.__bond.reading:  # two threads get the same object
            if self.__outcome is None:
                self.__outcome = self.__bond.outcome() or (None, self.__died())
            return self.__outcome

    def __died(self) -> BaseException:
        return WorkerDied(item=f"of process {self.name!r}", pid=self.pid, exitcode=self.exitcode)

    def close(self) -> None:
        """Give back what the process object holds.

        Raises:
            ValueError: The process still runs.
        """
        super().close()
        if self.__bond is not None and self._parent_pid == os.getpid():  # type: ignore[attr-defined]
            self.__bond.close()


class Process(_Typed[T], _Bound, standard.Process):
    """A process that runs `target(*args, **kwargs)`, born by the start method that is set.

    `multiprocessing.Process`, and more: lambdas and closures are targets under every start method, no
    `if __name__ == "__main__"` is needed, the process ends when its parent does, and `result` gives what the target
    returned.

    Args:
        group: None.
        target: What is called; None where a subclass overrides `run`.
        name: Its name.
        args: Arguments of the target.
        kwargs: Keyword arguments of the target.
        daemon: True: it is ended when its parent ends normally, instead of being waited for. None: as its parent is.

    Source: multiprocessing.Process.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        return _BY_METHOD[standard._default_context.get_start_method()]._Popen(process_obj)


class ForkProcess(_Bound, standard.ForkProcess):
    """A process that is forked from its parent."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        from procession.launcher.popen import ForkPopen

        return ForkPopen(process_obj)


class SpawnProcess(_Bound, standard.SpawnProcess):
    """A process that is a fresh interpreter."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        from procession.launcher.popen import SpawnPopen

        return SpawnPopen(process_obj)


class ForkServerProcess(_Bound, standard.ForkServerProcess):
    """A process that is forked from a clean server process."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        from procession.launcher.popen import ForkServerPopen

        return ForkServerPopen(process_obj)


class NurseryProcess(_Bound):
    """A process that is forked from a clean server process and never runs the main module again."""

    _start_method: ClassVar[str | None] = None

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        from procession.launcher.popen import NurseryPopen

        return NurseryPopen(process_obj)


_BY_METHOD: dict[str, Any] = {"fork": ForkProcess, "spawn": SpawnProcess, "forkserver": ForkServerProcess}


def __getattr__(name: str) -> Any:
    """What else stands in `multiprocessing.process`."""
    return getattr(process, name)
