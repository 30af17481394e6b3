"""The functions of a pool: one that comes again is recognized, so that it travels once per worker.

Knows: pickled functions and their numbers.
Must not know: which worker knows which.
"""

from __future__ import annotations

from collections import OrderedDict
from operator import is_
from types import FunctionType, ModuleType

from procession.backends.base import Function
from procession.wire.functions import Packed

KEPT = 256  # functions that are recognized
KEPT_BYTES = 1 << 25  # of them; partials and closures may hold arrays


class Functions:
    """Numbers functions by what they look like pickled."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Function] = OrderedDict()
        self._last: tuple[object, Function | None] = (None, None)
        self._next = 1
        self._bytes = 0

    def recognize(self, function: object) -> Function | None:
        """The function, if it is the same one as last time and cannot have changed; needs no lock."""
        last, known = self._last
        return known if function is last else None

    def number(self, packed: Packed, plain: object) -> Function:
        """Give a pickled function its number: the one that it had, or a new one.

        Args:
            packed: The function, as it travels.
            plain: The function itself, if plain pickle was enough for it; else None.
        """
        known = self._number(packed)
        # That writes a function of a module by its name, so the same one looks the same each time. A partial or a
        # method may have changed inside.
        if type(plain) is FunctionType or isinstance(getattr(plain, "__self__", None), ModuleType):
            self._last = plain, known
        return known

    def _number(self, packed: Packed) -> Function:
        if packed.stored is not None:  # the same data may belong to other buffers
            self._next += 1
            return Function(self._next - 1, packed)
        known = self._known.get(packed.data)
        if known is None or not _means_the_same(known.packed, packed):
            if known is None:
                self._bytes += len(packed.data)
            known = self._known[packed.data] = Function(self._next, packed)
            self._next += 1
            self._forget()
        return known

    def _forget(self) -> None:
        """Keep what is likely to come again, within bounds; the newest in any case."""
        while len(self._known) > 1 and (len(self._known) > KEPT or self._bytes > KEPT_BYTES):
            self._bytes -= len(self._known.popitem(last=False)[0])


def _means_the_same(one: Packed, other: Packed) -> bool:
    """True if the same bytes stand for the same function: a name of `__main__` may have been given to another one, and
    a worker that has rebuilt the old one would go on running it."""
    if one.names != other.names or len(one.bound) != len(other.bound):
        return False
    return all(map(is_, one.bound, other.bound))
