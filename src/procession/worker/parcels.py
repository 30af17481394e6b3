"""Items whose large buffers are in blocks: opened when they are run, sent back unopened where they are not.

Knows: the items of one batch that have such buffers.
Must not know: frames, what an item is for.
"""

from __future__ import annotations

from procession.model.light import Any
from procession.model.task import Style
from procession.wire.store import Parcel, Store


class Parcels:
    """Those of one batch; at its end, what was not opened goes back.

    Args:
        store: Where they are.
        items: All items of the batch.
        style: How they are run; those of APPLY have the number of their function before them.
    """

    def __init__(self, store: Store, items: list[Any], style: int) -> None:
        self._store = store
        found = (item[1] if style == Style.APPLY else item for item in items)
        self._closed: dict[int, Parcel] = {item[1]: item for item in found if type(item) is tuple}

    def loads(self, item: bytes | Parcel) -> Any:
        """Rebuild an item.

        Raises:
            BaseException: What rebuilding it raised.
        """
        if type(item) is tuple:
            self._closed.pop(item[1], None)
        return self._store.loads(item)

    def refuse_unopened(self) -> None:
        """Send back those that nobody will open: their items were taken back, or their batch failed before."""
        for parcel in self._closed.values():
            self._store.refuse(parcel)
