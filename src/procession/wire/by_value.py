"""The pickler for what needs cloudpickle: modules made at run time, classes of extensions, views of dicts, and more.

Knows: cloudpickle.
Must not know: anything that would have it imported early; `pickling` loads this file when it must.
"""

from __future__ import annotations

import io
import pickle
import sys

import cloudpickle  # type: ignore[import-untyped]

from procession.model.light import Any
from procession.wire.rules import LightPickler, SharingPickler, Uses


class CloudPickler(LightPickler, cloudpickle.Pickler):  # type: ignore[misc]
    """Our rules first, cloudpickle's for the rest."""

    def __init__(self, file: io.BytesIO, uses: Uses) -> None:
        cloudpickle.Pickler.__init__(self, file, 5, uses.apart)
        self.begin(uses)

    def plainly(self, value: Any) -> Any:
        if isinstance(value, io.TextIOWrapper) and value not in (sys.stdout, sys.stderr):
            # cloudpickle would send a copy of what stands in it
            raise pickle.PicklingError(f"cannot pickle {type(value).__name__!r} object: a file stays in its process")
        return cloudpickle.Pickler.reducer_override(self, value)

    def _dispatch(self) -> Any:
        return self.dispatch_table


class CloudSharingPickler(SharingPickler, CloudPickler):
    """All of it."""
