"""The functions of a pool: one that comes again is recognized, so that it travels once per worker.

Knows: pickled functions and their numbers.
Must not know: which worker knows which.
"""

from __future__ import annotations

from collections import OrderedDict

from procession.backends.base import Function
from procession.wire.functions import Packed

KEPT = 256  # functions that are recognized
KEPT_BYTES = 1 << 25  # of them; partials and closures may hold arrays


class Functions:
    """Numbers functions by what they look like pickled."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Function] = OrderedDict()
        self._next = 1
        self._bytes = 0

    def number(self, packed: Packed) -> Function:
        """Give a pickled function its number: the one that it had, or a new one."""
        known = self._known.get(packed.data)
        if known is None or known.packed.names != packed.names:
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
