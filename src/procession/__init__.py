"""procession runs Python functions over many inputs on all cores, and keeps what multiprocessing promises."""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from multiprocessing import AuthenticationError as AuthenticationError
    from multiprocessing import BufferTooShort as BufferTooShort
    from multiprocessing import Pipe as Pipe
    from multiprocessing import ProcessError as ProcessError
    from multiprocessing import RawArray as RawArray
    from multiprocessing import RawValue as RawValue
    from multiprocessing import TimeoutError as TimeoutError
    from multiprocessing import allow_connection_pickling as allow_connection_pickling
    from multiprocessing import cpu_count as cpu_count
    from multiprocessing import freeze_support as freeze_support
    from multiprocessing import get_all_start_methods as get_all_start_methods
    from multiprocessing import get_logger as get_logger
    from multiprocessing import get_start_method as get_start_method
    from multiprocessing import log_to_stderr as log_to_stderr
    from multiprocessing import reducer as reducer
    from multiprocessing import set_executable as set_executable
    from multiprocessing import set_forkserver_preload as set_forkserver_preload
    from multiprocessing import set_start_method as set_start_method

    from procession import aio as aio
    from procession.api import cancel as cancel
    from procession.api import chunked as chunked
    from procession.api import failure as failure
    from procession.api import map as map
    from procession.api import stream as stream
    from procession.context import get_context as get_context
    from procession.futures import ProcessPoolExecutor as ProcessPoolExecutor
    from procession.inspection import dump as dump
    from procession.model.errors import InputNotPicklable as InputNotPicklable
    from procession.model.errors import InternalError as InternalError
    from procession.model.errors import ManagerGone as ManagerGone
    from procession.model.errors import MaybeEncodingError as MaybeEncodingError
    from procession.model.errors import MemoryLimitExceeded as MemoryLimitExceeded
    from procession.model.errors import PoolTerminated as PoolTerminated
    from procession.model.errors import ProcessionError as ProcessionError
    from procession.model.errors import RemoteError as RemoteError
    from procession.model.errors import SharedMemoryGone as SharedMemoryGone
    from procession.model.errors import StartFailed as StartFailed
    from procession.model.errors import TaskExit as TaskExit
    from procession.model.errors import WorkerDied as WorkerDied
    from procession.model.outcome import Attempt as Attempt
    from procession.model.outcome import Failure as Failure
    from procession.model.outcome import Outcome as Outcome
    from procession.model.stops import Halted as Halted
    from procession.model.stops import NotRun as NotRun
    from procession.model.stops import SoftTimeLimitExceeded as SoftTimeLimitExceeded
    from procession.model.stops import TimeLimitExceeded as TimeLimitExceeded
    from procession.pool import Pool as Pool
    from procession.process import Process as Process
    from procession.process import active_children as active_children
    from procession.process import current_process as current_process
    from procession.process import parent_process as parent_process
    from procession.results import AsyncResult as AsyncResult
    from procession.runs.errors import JournalError as JournalError
    from procession.runs.errors import JournalFailed as JournalFailed
    from procession.runs.errors import JournalHeld as JournalHeld
    from procession.runs.errors import JournalNotUsable as JournalNotUsable
    from procession.runs.errors import KeyNotPossible as KeyNotPossible
    from procession.runs.keys import file_key as file_key
    from procession.runs.live import LiveRun as LiveRun
    from procession.runs.run import Run as Run
    from procession.runs.run import SourceChanged as SourceChanged
    from procession.runs.run import run as run
    from procession.shared.array import SharedArray as SharedArray
    from procession.shared.handle import Shared as Shared
    from procession.shared.handle import share as share
    from procession.shared.mapping import SharedDict as SharedDict
    from procession.streams import Stream as Stream
    from procession.wire.exceptions import RemoteTraceback as RemoteTraceback

    _default = get_context()
    Array = _default.Array
    Barrier = _default.Barrier
    BoundedSemaphore = _default.BoundedSemaphore
    Condition = _default.Condition
    Event = _default.Event
    JoinableQueue = _default.JoinableQueue
    Lock = _default.Lock
    Manager = _default.Manager
    Queue = _default.Queue
    RLock = _default.RLock
    Semaphore = _default.Semaphore
    SimpleQueue = _default.SimpleQueue
    Value = _default.Value

__version__ = "0.1.0"

_HOMES = {
    "AsyncResult": "procession.results",
    "Attempt": "procession.model.outcome",
    "Failure": "procession.model.outcome",
    "Halted": "procession.model.stops",
    "InputNotPicklable": "procession.model.errors",
    "InternalError": "procession.model.errors",
    "JournalError": "procession.runs.errors",
    "JournalFailed": "procession.runs.errors",
    "JournalHeld": "procession.runs.errors",
    "JournalNotUsable": "procession.runs.errors",
    "KeyNotPossible": "procession.runs.errors",
    "LiveRun": "procession.runs.live",
    "ManagerGone": "procession.model.errors",
    "MaybeEncodingError": "procession.model.errors",
    "MemoryLimitExceeded": "procession.model.errors",
    "NotRun": "procession.model.stops",
    "Outcome": "procession.model.outcome",
    "Pool": "procession.pool",
    "PoolTerminated": "procession.model.errors",
    "Process": "procession.process",
    "ProcessPoolExecutor": "procession.futures",
    "ProcessionError": "procession.model.errors",
    "RemoteError": "procession.model.errors",
    "RemoteTraceback": "procession.wire.exceptions",
    "Run": "procession.runs.run",
    "Shared": "procession.shared.handle",
    "SharedArray": "procession.shared.array",
    "SharedDict": "procession.shared.mapping",
    "SharedMemoryGone": "procession.model.errors",
    "SourceChanged": "procession.runs.run",
    "SoftTimeLimitExceeded": "procession.model.stops",
    "StartFailed": "procession.model.errors",
    "Stream": "procession.streams",
    "TaskExit": "procession.model.errors",
    "TimeLimitExceeded": "procession.model.stops",
    "WorkerDied": "procession.model.errors",
    "cancel": "procession.api",
    "chunked": "procession.api",
    "dump": "procession.inspection",
    "failure": "procession.api",
    "file_key": "procession.runs.keys",
    "get_context": "procession.context",
    "map": "procession.api",
    "run": "procession.runs.run",
    "share": "procession.shared.handle",
    "stream": "procession.api",
}
# What multiprocessing does well is its own. Its functions belong to its default context, so the method that is set
# there is set here.
_THEIRS = (
    "AuthenticationError", "BufferTooShort", "Pipe", "ProcessError", "RawArray",
    "RawValue", "TimeoutError", "active_children", "allow_connection_pickling", "cpu_count",
    "current_process", "freeze_support", "get_all_start_methods", "get_logger", "get_start_method", "log_to_stderr",
    "parent_process", "reducer", "set_executable", "set_forkserver_preload", "set_start_method",
)  # fmt: skip
# What a context makes: these are the default one's.
_MADE = (
    "Array", "Barrier", "BoundedSemaphore", "Condition", "Event", "JoinableQueue", "Lock", "Manager", "Queue", "RLock",
    "Semaphore", "SimpleQueue", "Value",
)  # fmt: skip
_MODULES = (
    "aio", "connection", "context", "dummy", "forkserver", "futures", "heap", "managers", "pool", "popen_fork",
    "popen_forkserver", "popen_spawn_posix", "process", "queues", "reduction", "resource_sharer",
    "resource_tracker", "shared_memory", "sharedctypes", "spawn", "synchronize", "util", "worker",
)  # fmt: skip

__all__ = sorted((*_HOMES, *_THEIRS, *_MADE))  # a list all the same


def __getattr__(name: str) -> object:
    value: object
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in _THEIRS:
        value = getattr(importlib.import_module("multiprocessing"), name)
    elif name in _MADE:
        value = getattr(importlib.import_module("procession.context").DEFAULT, name)
    elif name in _MODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
