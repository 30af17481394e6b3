"""procession runs Python functions over many inputs on all cores, and keeps what multiprocessing promises."""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from multiprocessing import TimeoutError as TimeoutError

    from procession.api import Stream as Stream
    from procession.api import failure as failure
    from procession.api import map as map
    from procession.api import stream as stream
    from procession.context import get_context as get_context
    from procession.model.errors import InputNotPicklable as InputNotPicklable
    from procession.model.errors import InternalError as InternalError
    from procession.model.errors import MaybeEncodingError as MaybeEncodingError
    from procession.model.errors import PoolTerminated as PoolTerminated
    from procession.model.errors import ProcessionError as ProcessionError
    from procession.model.errors import RemoteError as RemoteError
    from procession.model.errors import StartFailed as StartFailed
    from procession.model.errors import TaskExit as TaskExit
    from procession.model.errors import WorkerDied as WorkerDied
    from procession.model.outcome import Attempt as Attempt
    from procession.model.outcome import Failure as Failure
    from procession.model.outcome import Outcome as Outcome
    from procession.pool import Pool as Pool
    from procession.results import AsyncResult as AsyncResult
    from procession.wire.exceptions import RemoteTraceback as RemoteTraceback

__version__ = "0.1.0"

_HOMES = {
    "Attempt": "procession.model.outcome",
    "AsyncResult": "procession.results",
    "Failure": "procession.model.outcome",
    "InputNotPicklable": "procession.model.errors",
    "InternalError": "procession.model.errors",
    "MaybeEncodingError": "procession.model.errors",
    "Outcome": "procession.model.outcome",
    "Pool": "procession.pool",
    "PoolTerminated": "procession.model.errors",
    "ProcessionError": "procession.model.errors",
    "RemoteError": "procession.model.errors",
    "RemoteTraceback": "procession.wire.exceptions",
    "StartFailed": "procession.model.errors",
    "Stream": "procession.api",
    "TaskExit": "procession.model.errors",
    "TimeoutError": "multiprocessing",
    "WorkerDied": "procession.model.errors",
    "failure": "procession.api",
    "get_context": "procession.context",
    "map": "procession.api",
    "stream": "procession.api",
}

__all__ = sorted(_HOMES)  # a list all the same


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
