"""A handle on an object that was written into shared memory once: it pickles to some bytes.

Knows: one pickle and its buffers in a segment.
Must not know: pools; any pickle carries a handle.
"""

from __future__ import annotations

import pickle

from procession.model.light import Any, Generic, TypeVar
from procession.shared import segment
from procession.wire.spans import Spans, cut, lay_out
from procession.wire.store import Apart

T = TypeVar("T")


class _AllApart(Apart):
    """Small ones too: what is shared is read-only throughout."""

    __slots__ = ()
    least = 0


class Shared(Generic[T]):
    """A handle on an object that all processes see without a copy; `procession.share` makes one.

    The memory is given back when the last handle is gone, in whichever process, and nothing looks at it any more.
    """

    def __init__(self, memory: segment.Segment, spans: Spans) -> None:
        self._memory = memory
        self._spans = spans  # of the pickle, then of each buffer

    @property
    def value(self) -> T:
        """The object, its arrays read-only and at the shared memory itself; rebuilt when a process asks for it first.

        Raises:
            BaseException: What rebuilding it raised.
        """
        known: tuple[T] | None = self._memory.value
        if known is None:
            whole = memoryview(self._memory.memory).toreadonly()
            data, *buffers = cut(whole, self._spans)
            known = self._memory.value = (pickle.loads(data, buffers=buffers),)
        return known[0]

    @property
    def nbytes(self) -> int:
        """Bytes of shared memory that it takes."""
        return self._memory.size

    def __reduce__(self) -> Any:
        return _found, (self._memory.address, self._spans)

    def __repr__(self) -> str:
        known = self._memory.value
        what = "" if known is None else f" {type(known[0]).__name__}"
        return f"<Shared{what}, {self.nbytes} bytes>"


def _found(address: segment.Address, spans: Spans) -> Shared[Any]:
    return Shared(segment.find(address), spans)


def share(value: T) -> Shared[T]:
    """Write an object into shared memory, once, for all processes to see; return a handle on it.

    The handle travels in arguments, in closures, in results and through queues, and is some bytes long wherever it
    does. `handle.value` is the object, rebuilt in each process that asks for it, its arrays read-only and at the shared
    memory itself.

    Args:
        value: Anything that can be pickled; without a copy go buffers that a pickle hands out of band, as those of
            numpy's arrays, pandas' frames and Arrow's tables.

    Raises:
        BaseException: What pickling it raised.
        OSError: There is no memory for it.
    """
    apart = _AllApart()
    parts = [memoryview(pickle.dumps(value, 5, buffer_callback=apart)), *apart]
    spans, size = lay_out(parts)
    memory = segment.create(size)
    for each, (begin, _, _) in zip(parts, spans, strict=True):
        memory.write(begin, each)
    return Shared(memory, spans)
