"""Coroutine functions as tasks: an event loop runs them, one after the other.

Knows: one event loop, made when it is first needed; it persists between items.
Must not know: which item it is, and who waits for it.

How it works: what an item leaves on the loop (a connection, a background task) is there for the next one; it moves
only while an item runs. At the worker's end all that is left is cancelled, and the loop is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Thread
from types import FunctionType, MethodType

from procession.model.light import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

CO_COROUTINE = 0x80  # inspect.CO_COROUTINE, without what `import inspect` costs each worker


def is_coroutine_function(function: object) -> bool:
    """True for `async def`, also behind `functools.partial`, as a method, as the `__call__` of an object."""
    while isinstance(function, partial):
        function = function.func
    if isinstance(function, MethodType):
        function = function.__func__
    if not isinstance(function, FunctionType):
        function = getattr(type(function), "__call__", None)  # noqa: B004  # not whether it has one: which
    return isinstance(function, FunctionType) and bool(function.__code__.co_flags & CO_COROUTINE)


class Coroutines:
    """Runs coroutine functions on the event loop of one worker."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None

    def plain(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Make a function that waits for its result of a coroutine function; give any other back as it is."""
        if not is_coroutine_function(function):
            return function

        def run(*args: Any, **kwargs: Any) -> Any:
            return self._run(function(*args, **kwargs))

        return run

    def _run(self, coroutine: Any) -> Any:
        if self._runner is None:
            import asyncio

            self._runner = asyncio.Runner()
        runner = self._runner
        return _on_a_loop_of_its_own(lambda: _run(runner, coroutine))

    def close(self) -> None:
        """Cancel what is left on the loop, and close it."""
        runner, self._runner = self._runner, None
        if runner is not None:
            _on_a_loop_of_its_own(runner.close)


def _run(runner: asyncio.Runner, coroutine: Any) -> Any:
    """Run a coroutine to its end, also where a signal's handler raised into the loop and not into the coroutine.

    That is the soft time limit of one that waits. It is cancelled at its place, or else it would go on while the next
    item runs; what it makes of that is its own.
    """
    try:
        return runner.run(coroutine)
    except BaseException:
        import asyncio

        left = [task for task in asyncio.all_tasks(runner.get_loop()) if task.get_coro() is coroutine]
        if not left:
            raise
        left[0].cancel("its soft time limit has passed")
        try:
            return runner.run(_end_of(left[0]))
        except asyncio.CancelledError:
            pass
        raise


async def _end_of(task: asyncio.Task[T]) -> T:
    return await task


def _on_a_loop_of_its_own(step: Callable[[], T]) -> T:
    """Do what runs an event loop here; where one runs in this thread already (`backend="serial"`), in another one."""
    from asyncio import _get_running_loop

    if _get_running_loop() is None:
        return step()
    done: list[tuple[Any, BaseException | None]] = []

    def run() -> None:
        try:
            done.append((step(), None))
        except BaseException as error:
            done.append((None, error))

    thread = Thread(target=run, name="procession-coroutine")
    thread.start()
    thread.join()
    value: T
    value, error = done.pop()
    if error is not None:
        raise error
    return value
