"""Start methods: how the workers of a pool are born.

| name       | nursery  | a worker is                  | its main module                          |
|------------|----------|------------------------------|------------------------------------------|
| fork       | snapshot | a fork of the nursery        | the caller's, as it was                  |
| nursery    | clean    | a fork of the nursery        | empty; what functions use is sent        |
| forkserver | clean    | a fork of the nursery        | run once more, as `__mp_main__`          |
| spawn      | clean    | a fresh interpreter          | run once more, as `__mp_main__`          |

Knows: what a context or a name means, how nurseries are started and found again.
Must not know: pools.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Mapping, Sequence

from procession.model.light import Any, Record

NAMES = ("nursery", "fork", "spawn", "forkserver")
GUARD = re.compile(r"""^if\s*\(?\s*(__name__\s*==|['"]__main__['"]\s*==\s*__name__)""", re.MULTILINE)


class Method(Record):
    """How workers are born: a start method, and whether they run the main module once more."""

    __slots__ = ("name", "rerun_main")

    def __init__(self, name: str, rerun_main: bool) -> None:
        self.name = name
        self.rerun_main = rerun_main

    @property
    def snapshot(self) -> bool:
        """True if workers are forked from a snapshot of the caller."""
        return self.name == "fork"

    def main_baseline(self) -> Mapping[str, object] | None:
        """What a new worker's main module will hold already, as it is now; None: nothing."""
        if not (self.snapshot or self.rerun_main):
            return None
        return dict(vars(sys.modules["__main__"]))


def resolve(context: Any) -> Method:
    """Find out what a `context=` argument means.

    Args:
        context: None (what `multiprocessing.set_start_method` chose, else the default of this Python), a name, or a
            context of `multiprocessing` or of procession.

    Raises:
        ValueError: It is none of these.
    """
    name = context
    if context is None:
        name = _default_name()
    elif not isinstance(context, str):
        ask = getattr(context, "get_start_method", None)
        name = _known_name(ask()) if ask is not None else None
    if name not in NAMES:
        raise ValueError(f"context={context!r}: must be one of {', '.join(map(repr, NAMES))}, a context, or None")
    return Method(name, rerun_main=name in ("spawn", "forkserver") and _main_can_run_again())


def _default_name() -> str:
    context = sys.modules.get("multiprocessing.context")
    chosen = context._default_context.get_start_method(allow_none=True) if context is not None else None
    if chosen is not None:
        return str(chosen)
    return "fork" if sys.version_info < (3, 14) and sys.platform == "linux" else "nursery"


def _known_name(name: Any) -> str | None:
    return str(name) if name in NAMES else None


def _main_can_run_again() -> bool:
    """True if the main module is a file that protects its start by a test of `__name__`."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    name = getattr(getattr(main, "__spec__", None), "name", None)
    if path is None or name is None and not path.endswith((".py", ".pyc")):
        return False
    if name is not None and name.rpartition(".")[2] == "__main__":  # of a package, a folder, an archive
        return False
    if path.endswith("ipython") or "IPython" in sys.modules and hasattr(main, "get_ipython"):
        return False
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return GUARD.search(file.read()) is not None
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):  # what the file says is not known
            raise
        return False


def preparation(method: Method) -> dict[str, Any] | None:
    """What a worker needs to run the main module once more; None if it does not.

    Raises:
        RuntimeError: This process is itself such a worker, and it is still running the main module.
    """
    if method.name not in ("spawn", "forkserver"):
        return None
    from multiprocessing import spawn

    prepared = spawn.get_preparation_data("")
    del prepared["name"], prepared["authkey"]  # a worker has its own name; the key is part of its look
    return prepared if method.rerun_main else None


def interpreter(code: str, *arguments: str) -> list[str]:
    """Make the command line of a fresh interpreter with the flags of this one."""
    from subprocess import _args_from_interpreter_flags  # type: ignore[attr-defined]  # multiprocessing uses it too

    spawn: Any = sys.modules.get("multiprocessing.spawn")  # where it is not loaded nobody has chosen another
    executable = os.fsdecode((spawn and spawn.get_executable()) or sys.executable)
    return [executable, *_args_from_interpreter_flags(), "-c", code, *arguments]


def flags() -> tuple[str, ...]:
    """The flags of this interpreter; workers of a clean nursery have the same."""
    return tuple(interpreter(""))


IMPORT_US = "import sys; sys.path.insert(0, sys.argv[1]); from procession.launcher import {module}; del sys.path[0]; "


def source_folder() -> str:
    """The folder that procession is imported from."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def replace_by_fresh_worker(rest: Any, descriptors: Sequence[int], passed: Sequence[int]) -> None:
    """In the nursery's child: replace it by a fresh interpreter that becomes the worker."""
    for descriptor in (*descriptors, *passed):
        os.set_inheritable(descriptor, True)
    code = IMPORT_US.format(module="start_methods") + "start_methods.fresh_worker(sys.argv[2:])"
    numbers = [*map(str, descriptors), *map(str, rest), *map(str, passed)]
    command = interpreter(code, source_folder(), *numbers)
    os.execv(command[0], command)


def fresh_worker(arguments: list[str]) -> None:
    """Be a worker in a fresh interpreter."""
    import socket

    from procession.worker import inherited
    from procession.worker.main import live

    channel, tickets, counters, line, slot = map(int, arguments[:5])
    name, parent, workers = arguments[5], int(arguments[6]), int(arguments[7])
    passed = [int(number) for number in arguments[8:]]
    for descriptor in (channel, tickets, counters, line, *passed):
        os.set_inheritable(descriptor, False)
    inherited.receive(passed)
    del sys.argv[1:]
    # The lifeline keeps its owner and its signal across exec, as long as the descriptor is open.
    os._exit(live(socket.socket(fileno=channel), tickets, counters, line, slot, name, parent, workers))
