"""procession runs Python functions over many inputs on all cores, and keeps what multiprocessing promises."""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from procession.pool import Pool as Pool

__version__ = "0.1.0"

_HOMES = {
    "Pool": "procession.pool",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value
