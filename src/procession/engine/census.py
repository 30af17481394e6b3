"""The engines of this process: all are ended at its exit, and abandoned in a child that it forks.

Knows: which there are.
Must not know: what they do.
"""

from __future__ import annotations

import atexit
import os
import weakref
from contextlib import suppress

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


_engines: list[weakref.ref[Engine]] = []  # no WeakSet: a Ctrl-C that strikes while it forgets a member is lost


def note(engine: Engine) -> None:
    """Take in an engine that has begun; it need not be taken out."""
    for dead in [each for each in _engines if each() is None]:
        with suppress(ValueError):  # another thread has found it, too
            _engines.remove(dead)
    _engines.append(weakref.ref(engine))


def _all() -> list[Engine]:
    return [engine for each in _engines if (engine := each()) is not None]


def _end_all() -> None:
    """At exit: end the pools that are still open, instead of leaving it to the order in which modules die."""
    engines = _all()
    for engine in engines:
        engine.terminate("the interpreter exits")
    for engine in engines:
        engine.join(EXIT_SECONDS)


def _abandon_all() -> None:
    for engine in _all():
        if not engine.ended:  # threading has forgotten its thread by now: it cannot be asked
            engine.abandon()
    _engines.clear()


atexit.register(_end_all)
os.register_at_fork(after_in_child=_abandon_all)
