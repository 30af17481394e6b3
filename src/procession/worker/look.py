"""Look like the parent: paths, arguments, environment, warnings, as they were when the pool was made.

Knows: the interpreter's state that a program expects to find again.
Must not know: the channel it came over.

Workers of a snapshot have all of this by birth; those of a clean nursery, which was started earlier, put it on.
"""

from __future__ import annotations

import os
import sys
import types

from procession.model.light import Any


def take(rerun_main: dict[str, Any] | None) -> dict[str, Any]:
    """In the parent: note what a worker must look like.

    Args:
        rerun_main: What `multiprocessing.spawn` prepares for a child that runs the main module once more, or None.
    """
    import warnings

    return {
        "directory": _directory(),
        "environment": dict(os.environ),
        "path": list(sys.path),
        "arguments": list(sys.argv),
        "warnings": _picklable(list(warnings.filters)),
        "recursion": sys.getrecursionlimit(),
        "rerun_main": rerun_main,
        "main_file": getattr(sys.modules.get("__main__"), "__file__", None),
    }


def _directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return None


def _picklable(filters: list[Any]) -> list[Any]:
    """Leave out filters whose category is a class that lives in the main module: it does not exist there yet."""
    return [entry for entry in filters if getattr(entry[2], "__module__", "__main__") != "__main__"]


def put_on(state: dict[str, Any]) -> None:
    """In the worker: look as `take` noted."""
    import warnings

    os.environ.clear()
    os.environ.update(state["environment"])
    sys.path[:] = state["path"]
    sys.argv[:] = state["arguments"]
    warnings.resetwarnings()
    warnings.filters.extend(state["warnings"])  # type: ignore[attr-defined]  # a list, typed as a sequence
    sys.setrecursionlimit(state["recursion"])
    if state["directory"] is not None:
        try:
            os.chdir(state["directory"])
        except OSError as error:
            print(f"procession: a worker cannot enter {state['directory']!r}: {error}", file=sys.stderr)
    if state["rerun_main"] is not None:
        from multiprocessing import spawn

        spawn.prepare(state["rerun_main"])
    else:
        main = types.ModuleType("__main__")
        if state["main_file"] is not None:
            main.__file__ = state["main_file"]
        sys.modules["__main__"] = main


def quiet_input() -> None:
    """Let standard input be at its end: it belongs to the parent."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.dup2(descriptor, 0)
    os.close(descriptor)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115


def print_by_lines() -> None:
    """Write standard output line by line, so that lines of several workers do not mix."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(line_buffering=True)
