"""Which engine a pool gets, by the backend that its maker chose.

Knows: the backends by name.
Must not know: what any of them does.
"""

from __future__ import annotations

from procession.engine.engine import Engine
from procession.launcher.start_methods import Method
from procession.model.settings import Settings


def kind(method: Method, backend: str) -> str:
    """Say what kind of workers these are, as the first part of their names."""
    if backend != "processes":
        return {"threads": "Thread", "serial": "Serial"}[backend]
    return {"fork": "Fork", "spawn": "Spawn", "forkserver": "ForkServer"}.get(method.name, "Nursery")


def open_engine(method: Method, settings: Settings) -> Engine:
    """Start the engine of a pool.

    Args:
        method: How worker processes are born, where there are any.
        settings: What the pool's maker chose.

    Raises:
        StartFailed: The system refused processes, threads or descriptors.
        ValueError: The limits of memory contradict each other.
    """
    if settings.backend == "threads":
        from procession.engine.inside import InsideEngine

        return InsideEngine(method, settings)
    if settings.backend == "serial":
        from procession.engine.inline import InlineEngine

        return InlineEngine(method, settings)
    if settings.memory is not None:
        from procession.engine.memory import MemoryEngine

        return MemoryEngine(method, settings)
    return Engine(method, settings)
