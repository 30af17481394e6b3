"""Contexts: a start method with the interface of `multiprocessing`.

Knows: the standard library's contexts.
Must not know: how the methods work.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from multiprocessing import context as standard
from typing import Any

from procession.pool import Pool as _Pool


class _WithPool:
    """What our contexts add to the standard ones."""

    def Pool(  # the standard library's name
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        **extras: Any,
    ) -> _Pool:
        """Make a `procession.Pool` whose workers are born by this context's method."""
        return _Pool(processes, initializer, initargs, maxtasksperchild, self, **extras)


class ForkContext(_WithPool, standard.ForkContext):  # type: ignore[misc]  # our Pool is not a subclass of theirs
    """Workers are forked from a snapshot of the caller."""


class SpawnContext(_WithPool, standard.SpawnContext):  # type: ignore[misc]  # as above
    """Workers are fresh interpreters."""


class ForkServerContext(_WithPool, standard.ForkServerContext):  # type: ignore[misc]  # as above
    """Workers are forked from a clean nursery and run the main module once more."""


class NurseryContext(_WithPool):
    """Workers are forked from a clean nursery, and what their functions use is sent to them."""

    def get_start_method(self, allow_none: bool = False) -> str:
        """The name of the method."""
        return "nursery"


class DefaultContext(_WithPool):
    """The default: asks `multiprocessing` which method was set, and what this Python prefers."""

    def get_start_method(self, allow_none: bool = False) -> str | None:
        """The method that is set, or the default of this Python."""
        return multiprocessing.get_start_method(allow_none)

    def __getattr__(self, name: str) -> Any:
        return getattr(multiprocessing.get_context(), name)


_CONTEXTS: dict[str, Any] = {
    "fork": ForkContext(),
    "spawn": SpawnContext(),
    "forkserver": ForkServerContext(),
    "nursery": NurseryContext(),
}


def get_context(method: str | None = None) -> Any:
    """Return the context of a start method.

    Args:
        method: `fork`, `spawn`, `forkserver`, `nursery`, or None: what was set, else the default of this Python.

    Raises:
        ValueError: There is no such method.

    Source: multiprocessing.get_context.
    """
    if method is None:
        chosen = multiprocessing.get_start_method(allow_none=True)
        return _CONTEXTS[chosen] if chosen is not None else _DEFAULT
    if method not in _CONTEXTS:
        raise ValueError(f"cannot find context for {method!r}: must be one of {', '.join(map(repr, _CONTEXTS))}")
    return _CONTEXTS[method]


_DEFAULT = DefaultContext()
