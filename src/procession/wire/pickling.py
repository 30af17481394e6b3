"""A value as bytes for another process's `__main__`, by the cheapest pickler that can.

Knows: the order in which picklers are tried. The light one needs no cloudpickle, whose import takes 20 ms.
Must not know: what they do differently.
"""

from __future__ import annotations

import io

from procession.wire.rules import LightPickler, SharingPickler, Uses


def dumps(value: object, uses: Uses) -> bytes:
    """Pickle a value for another process's `__main__` and note in `uses` what it needs there.

    Raises:
        BaseException: Whatever pickling raises, also from a user's `__reduce__`.
    """
    try:
        return _dumped(value, uses, SharingPickler if uses.there else LightPickler)
    except Exception:
        if uses.apart is not None:
            uses.apart.clear()
        from procession.wire import by_value

        return _dumped(value, uses, by_value.CloudSharingPickler if uses.there else by_value.CloudPickler)


def _dumped(value: object, uses: Uses, kind: type[LightPickler]) -> bytes:
    file = io.BytesIO()
    pickler = kind(file, uses)
    pickler.dump(value)
    if uses.watched:
        uses.watched.intersection_update((*pickler.memo.copy(), *pickler.cells))
    return file.getvalue()
