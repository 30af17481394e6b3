"""The engine of a pool whose workers are in this process: functions and arguments are handed over as they are.

Knows: how a function is recognized without a look at its pickle.
Must not know: in which threads items run.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType

from procession.backends.base import Backend, Function
from procession.backends.inside import Inside
from procession.backends.threads import Threads
from procession.engine.engine import Engine
from procession.launcher.start_methods import Method
from procession.model.light import Any
from procession.model.settings import Settings
from procession.wire.functions import NOTHING, Packed

KEPT = 256  # functions that are recognized


class Known:
    """Numbers functions by what they are, and keeps none of them alive."""

    def __init__(self) -> None:
        # By id; no WeakKeyDictionary: a Ctrl-C that strikes while it forgets a key is lost.
        self._numbers: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._next = 1

    def number(self, function: Callable[..., Any]) -> Function:
        """Give a function the number that it had, or a new one: what was measured of it is remembered by that."""
        plain = type(function) in (FunctionType, BuiltinFunctionType, type)  # others may compare as they like
        reference, number = self._numbers.pop(id(function), (None, 0)) if plain else (None, 0)
        if reference is None or reference() is not function:
            number, self._next = self._next, self._next + 1
            reference = weakref.ref(function) if plain else None
        if reference is not None:
            self._numbers[id(function)] = reference, number
            if len(self._numbers) > KEPT:
                del self._numbers[next(iter(self._numbers))]
        return Function(number, NOTHING, function)


class InsideEngine(Engine):
    """Runs calls on threads."""

    _backend: Inside

    def _connect(self, method: Method, settings: Settings) -> Backend:
        self._known = Known()
        return self._open(settings)

    def _open(self, settings: Settings) -> Inside:
        return Threads(settings, self._lock)

    def _begin(self, settings: Settings) -> None:
        self._backend.users = self._loop.follow.threads
        super()._begin(settings)

    def function(self, function: Callable[..., Any]) -> Function:
        """Recognize a function."""
        self._outside()
        with self._lock:
            return self._known.number(function)

    def pack(self, value: object) -> Packed:
        """A value is handed over as it is."""
        return NOTHING
