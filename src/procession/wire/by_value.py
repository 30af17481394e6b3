"""The pickler for what only cloudpickle can take apart: classes by value, functions of `exec`, and more.

Knows: cloudpickle.
Must not know: anything that would have it imported early; `pickling` loads this file when it must.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import cloudpickle

from procession.wire.pickling import LightPickler, Uses


class CloudPickler(LightPickler, cloudpickle.Pickler):  # type: ignore[misc]
    """Our rules first, cloudpickle's for the rest."""

    def __init__(self, file: io.BytesIO, uses: Uses) -> None:
        cloudpickle.Pickler.__init__(self, file, 5)
        self.begin(uses)

    def otherwise(self, value: Any) -> Any:
        return cloudpickle.Pickler.reducer_override(self, value)

    def plainly(self, value: Any) -> Any:
        if isinstance(value, io.TextIOWrapper):
            raise pickle.PicklingError(f"cannot pickle {type(value).__name__!r} object: an open file stays in its process")
        return cloudpickle.Pickler.reducer_override(self, value)

    def _dispatch(self) -> Any:
        return self.dispatch_table


class SharingPickler(CloudPickler):
    """Refers by name to what the worker has already. Slow: it is asked about every single object."""

    def persistent_id(self, value: Any) -> str | None:
        return self.uses.there.get(id(value))
