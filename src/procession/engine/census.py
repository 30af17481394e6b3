"""The engines of this process: all are ended at its exit, and abandoned in a child that it forks.

Knows: which there are.
Must not know: what they do.
"""

from __future__ import annotations

import atexit
import os
import weakref

from procession.model.light import Protocol

EXIT_SECONDS = 2.0  # how long the interpreter's exit waits for workers that were told to end


class Engine(Protocol):
    """What is asked of an engine here."""

    ended: bool  # nothing is left of it

    def terminate(self, reason: str) -> None:
        """End all calls and all workers."""

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end."""

    def abandon(self) -> None:
        """Close this process's copies of what is the parent's."""


_ENGINES: weakref.WeakSet[Engine] = weakref.WeakSet()


def note(engine: Engine) -> None:
    """Take in an engine that has begun; it need not be taken out."""
    _ENGINES.add(engine)


def _end_all() -> None:
    """At exit: end the pools that are still open, instead of leaving it to the order in which modules die."""
    for engine in list(_ENGINES):
        engine.terminate("the interpreter exits")
    for engine in list(_ENGINES):
        engine.join(EXIT_SECONDS)


def _abandon_all() -> None:
    for engine in list(_ENGINES):
        if not engine.ended:  # threading has forgotten its thread by now: it cannot be asked
            engine.abandon()
    _ENGINES.clear()


atexit.register(_end_all)
os.register_at_fork(after_in_child=_abandon_all)
