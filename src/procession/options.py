"""The options of `procession.map` and `stream`, for type checkers: nothing here is loaded when a program runs.

Knows: their names and types; what they mean stands in `api.py` and at `Pool`.
Must not know: anything that happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from procession.model.policy import ItemOptions
from procession.model.settings import BackendName, WorkerOptions
from procession.monitor.progress import ProgressOption


class CallOptions(WorkerOptions, ItemOptions, total=False):
    """What may be chosen of one call that has workers of its own."""

    processes: int | None
    chunksize: int | None
    initializer: Callable[..., object] | None
    initargs: Iterable[Any]
    context: Any
    preload: Sequence[str]
    progress: ProgressOption
    backend: BackendName


class MapOptions(CallOptions, total=False):
    """The same, where results are not wanted as outcomes."""

    outcomes: Literal[False]


class StreamOptions(CallOptions, total=False):
    """What may be chosen of a stream."""

    ordered: bool


class PlainStreamOptions(StreamOptions, total=False):
    """The same, where results are not wanted as outcomes."""

    outcomes: Literal[False]
