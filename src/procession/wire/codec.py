"""Inputs and outcomes as bytes.

Plain values (numbers, texts, bytes, None and tuples of them) travel together in one pickle: nothing can go wrong
with one of them alone. All others are pickled one by one, so that a value that cannot be pickled or rebuilt costs
its own item only, and so that no two items share an object by accident.

Knows: the bodies of the frames BATCH and RESULTS.
Must not know: what the numbers in them mean to the scheduler.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Sequence
from itertools import chain

from procession.model.light import TYPE_CHECKING, Any
from procession.wire import exceptions

if TYPE_CHECKING:
    from procession.wire.store import Parcel, Store

PARENT = object()  # to whom a worker gives its blocks
PLAIN = frozenset({int, float, str, bytes, bool, complex, type(None)})
NUMBERS = (int, float, complex, type(None))
PROTOCOL = 5

BEGIN_HEAD = struct.Struct("<IIQQ")  # what a worker calls itself, bytes of what was chosen, its number, its share
BATCH_HEAD = struct.Struct("<QQIIBBQQ")  # batch, function, count, group, style, flags, call, index of the first item
FUNCTION_HEAD = struct.Struct("<Qq?")  # number, that of the one that may be forgotten (-1: none), a parcel follows
RESULTS_HEAD = struct.Struct("<QIdB")  # batch, count, seconds, flags

UNKNOWN_BYTES = float(1 << 16)  # what a value is taken for that could be a number in a class or a picture

TICKET = struct.Struct("<I")  # the number of a batch, cut: within 4 milliards of them no worker holds two that agree
TICKET_MASK = 0xFFFFFFFF
NoTicket = struct.error  # what TICKET.unpack raises where the pipe has ended

WHOLE = 1  # the values travel in one pickle
TIMED = 2  # every item's duration is wanted
PARCELS = 4  # large buffers of some values are in blocks
LIMITED = 8  # it matters since when an item runs


def plain(values: Sequence[Any]) -> bool:
    """True if nothing can go wrong when these values are pickled and rebuilt."""
    if type(values) is range:
        return True
    try:
        kinds = set(map(type, values))
        if kinds <= PLAIN:
            return True
        return kinds == {tuple} and PLAIN.issuperset(map(type, chain.from_iterable(values)))
    except Exception:  # a class whose metaclass gives it no hash
        return False


def guess_weight(value: object) -> float:
    """Guess how many bytes a value will take, without pickling it."""
    if isinstance(value, (str, bytes)):
        return 16.0 + len(value)
    if isinstance(value, tuple):
        return 16.0 + sum(UNKNOWN_BYTES if isinstance(each, tuple) else guess_weight(each) for each in value)
    return 16.0 if isinstance(value, NUMBERS) else UNKNOWN_BYTES


def dump(value: object) -> bytes:
    """Pickle one value.

    Raises:
        BaseException: Whatever its `__reduce__` raises.
    """
    return pickle.dumps(value, PROTOCOL)


load = pickle.loads


def encode_results(
    batch: int,
    seconds: float,
    values: list[Any],
    failures: dict[int, exceptions.Encoded],
    durations: list[float] | None,
    texts: dict[int, tuple[str, str]] | None = None,
    store: Store | None = None,
) -> bytes:
    """Make the body of a RESULTS frame; a value that cannot be pickled becomes a failure of its item.

    Args:
        store: Where large buffers go; None: into the frame.
    """
    flags = 0
    if plain(values):
        flags, out = WHOLE, values
    else:
        out = [_dump_result(value, offset, failures, store) for offset, value in enumerate(values)]
    head = RESULTS_HEAD.pack(batch, len(values), seconds, flags)
    return head + pickle.dumps((out, failures or None, durations, texts), PROTOCOL)


def _dump_result(
    value: object, offset: int, failures: dict[int, exceptions.Encoded], store: Store | None
) -> bytes | Parcel | None:
    if value is None:
        return None
    try:
        if store is None:
            return pickle.dumps(value, PROTOCOL)
        data, stored = store.dumps(value)
        if stored is None:
            return data
        return store.parcel(data, stored, PARENT) or pickle.dumps(value, PROTOCOL)
    except BaseException as error:  # a user's __reduce__ may raise anything, also SystemExit
        failures[offset] = exceptions.encode_unsendable(error, value)
        return None


class Results:
    """Outcomes of neighbouring items: their values, with the errors of those that failed by position.

    `texts` has what items printed, by position, where that was captured; who printed nothing is not in it. `beside` is
    how many bytes came beside the frame.
    """

    __slots__ = ("beside", "durations", "failures", "texts", "values")

    def __init__(
        self,
        values: list[Any],
        failures: dict[int, BaseException] | None,
        durations: list[float] | None,
        texts: dict[int, tuple[str, str]] | None = None,
    ) -> None:
        self.values = values
        self.failures = failures
        self.durations = durations
        self.texts = texts
        self.beside = 0

    def part(self, start: int, stop: int) -> Results:
        """Those of the items `start` to `stop`."""
        failures, texts = self.failures or {}, self.texts
        return Results(
            self.values[start:stop],
            {place - start: error for place, error in failures.items() if start <= place < stop} or None,
            None if self.durations is None else self.durations[start:stop],
            None if texts is None else {at - start: text for at, text in texts.items() if start <= at < stop},
        )


def decode_results(flags: int, body: bytes | bytearray | memoryview, store: Store | None = None) -> Results:
    """Rebuild what `encode_results` was given; what cannot be rebuilt becomes a failure of its item."""
    out, records, durations, texts = pickle.loads(body)
    failures: dict[int, BaseException] = {}
    beside = 0
    if not flags & WHOLE:
        beside = sum(data[3] for data in out if type(data) is tuple)
        out = [data if data is None else _load_result(data, offset, failures, store) for offset, data in enumerate(out)]
    if records:
        failures.update((offset, exceptions.decode(record)) for offset, record in records.items())
    results = Results(out, failures or None, durations, texts)
    results.beside = beside
    return results


def _load_result(data: bytes | Parcel, offset: int, failures: dict[int, BaseException], store: Store | None) -> Any:
    buffers = None
    if type(data) is tuple:
        assert store is not None
        data, buffers = store.open(data)  # type: ignore[assignment]
    value, failed = exceptions.rebuild(data, buffers)  # type: ignore[arg-type]
    if failed is not None:
        failures[offset] = exceptions.harmless(failed, "raised while the result was rebuilt in the parent")
    return value
