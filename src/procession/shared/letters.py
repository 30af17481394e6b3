"""Messages of a queue as bytes: pickles, large buffers beside them.

Knows: what `multiprocessing` pickles in its own way; one layout.
Must not know: queues.
"""

from __future__ import annotations

import copyreg
import io
import pickle
from multiprocessing.reduction import ForkingPickler

from procession.model.light import Any
from procession.wire.spans import cut, lay_out
from procession.wire.store import Apart

PLAIN = frozenset({int, str, bytes, float, bool, type(None)})  # types that no reducer is registered for
APART = 1  # the kind of a message that has buffers beside its pickle; 0: a pickle

_theirs: dict[type, Any] = ForkingPickler._extra_reducers  # type: ignore[attr-defined]


def write(value: object) -> tuple[Any, int]:
    """Pickle a value; return its bytes, or the pieces of them, and their kind.

    Raises:
        BaseException: What pickling it raised.
    """
    if type(value) in PLAIN:
        return pickle.dumps(value, 5), 0
    file, apart = io.BytesIO(), Apart()
    pickler = pickle.Pickler(file, 5, buffer_callback=apart)
    pickler.dispatch_table = {**copyreg.dispatch_table, **_theirs}  # `ForkingPickler` makes a slower one each time
    pickler.dump(value)
    return (_pieces(file.getbuffer(), apart), APART) if apart else (file.getvalue(), 0)


def read(data: Any, kind: int) -> Any:
    """Rebuild a value. What has buffers is at these bytes themselves, which it may change.

    Raises:
        BaseException: What rebuilding it raised.
    """
    if kind != APART:
        return pickle.loads(data)
    whole = memoryview(data)
    length = int.from_bytes(whole[-8:], "little")
    first, *buffers = cut(whole, pickle.loads(whole[-8 - length : -8]))
    return pickle.loads(first, buffers=buffers)


def _pieces(first: memoryview, apart: list[memoryview]) -> list[memoryview]:
    parts = [first, *apart]
    spans, size = lay_out(parts)
    ends = [*(begin for begin, _, _ in spans[1:]), size]
    pieces = []
    for each, (_, end, _), next_one in zip(parts, spans, ends, strict=True):
        pieces += [each, memoryview(bytes(next_one - end))]
    table = pickle.dumps(spans, 5)
    return [*pieces, memoryview(table), memoryview(len(table).to_bytes(8, "little"))]
