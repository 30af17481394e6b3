"""At the interpreter's exit: what was submitted to executors still runs, and nothing more is taken.

Knows: which engines there are.
Must not know: executors.

The standard library's executor promises it. So it must happen before the exit handlers run: those may use the outcomes.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import suppress

from procession.engine.engine import Engine

_engines: list[weakref.ref[Engine]] = []  # no WeakSet: a Ctrl-C that strikes while it forgets a member is lost
_begun = False


def note(engine: Engine) -> None:
    """Take in an engine that shall end its work; it need not be taken out."""
    for dead in [each for each in _engines if (known := each()) is None or known.ended]:
        with suppress(ValueError):  # another thread has found it, too
            _engines.remove(dead)
    _engines.append(weakref.ref(engine))


def begun() -> bool:
    """True once the interpreter's exit has begun."""
    return _begun


def _finish_all() -> None:
    global _begun
    _begun = True
    engines = [engine for each in _engines if (engine := each()) is not None]
    for engine in engines:
        engine.close()
    for engine in engines:
        engine.join()


threading._register_atexit(_finish_all)  # type: ignore[attr-defined]  # as concurrent.futures does
