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

MULTIPROCESSING = "multiprocessing.process"  # where it is loaded, a worker is one of its processes


def take(rerun_main: dict[str, Any] | None) -> dict[str, Any]:
    """In the parent: note what a worker must look like.

    Args:
        rerun_main: What `multiprocessing.spawn` prepares for a child that runs the main module once more, or None.
    """
    import warnings

    process: Any = sys.modules.get(MULTIPROCESSING)  # where it is not loaded nobody has chosen a key
    return {
        # without it proxies of a manager would find no way back
        "authkey": None if process is None else bytes(process.current_process().authkey),
        "directory": _directory(),
        "environment": dict(os.environ),
        "path": list(sys.path),
        "arguments": list(sys.argv),
        "warnings": [by_name for entry in warnings.filters if (by_name := _by_name(entry)) is not None],
        "recursion": sys.getrecursionlimit(),
        "rerun_main": rerun_main,
        "main_file": getattr(sys.modules.get("__main__"), "__file__", None),
    }


def _directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return None


def _by_name(entry: Any) -> Any:
    """Write a filter with its category by name: rebuilding the class would import its module."""
    action, message, category, module, line = entry
    home = getattr(category, "__module__", "__main__")
    if home == "__main__":  # it does not exist there yet
        return None
    return action, message, (home, category.__qualname__), module, line


class _Absent(type):
    """A category whose module this worker has not imported. No such warning comes before it is; then this finds it.

    Importing it for its filter alone would cost every worker the time: pytest's take 0.2 s.
    """

    def __subclasscheck__(cls, other: type) -> bool:
        category = _loaded(cls.__module__, cls.__qualname__)
        return category is not None and issubclass(other, category)


def _loaded(home: str, name: str) -> type | None:
    found: Any = sys.modules.get(home)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None


def _with_category(entry: Any) -> Any:
    """Find a filter's category again."""
    action, message, (home, name), module, line = entry
    category = _loaded(home, name) or _Absent(name, (Warning,), {"__module__": home, "__qualname__": name})
    return action, message, category, module, line


def put_on(state: dict[str, Any]) -> None:
    """In the worker: look as `take` noted."""
    import warnings

    if state["authkey"] is not None:
        from multiprocessing import process

        process.current_process().authkey = state["authkey"]
    os.environ.clear()
    os.environ.update(state["environment"])
    sys.path[:] = state["path"]
    sys.argv[:] = state["arguments"]
    warnings.resetwarnings()
    filters = list(map(_with_category, state["warnings"]))
    warnings.filters.extend(filters)  # type: ignore[attr-defined]  # a list, typed as a sequence
    sys.setrecursionlimit(state["recursion"])
    if state["directory"] is not None:
        try:
            os.chdir(state["directory"])
        except OSError as error:
            print(f"procession: a worker cannot enter {state['directory']!r}: {error}", file=sys.stderr)
    if state["rerun_main"] is not None:
        from procession.worker import main_module

        main_module.run_again(state["rerun_main"])
    else:
        main = types.ModuleType("__main__")
        if state["main_file"] is not None:
            main.__file__ = state["main_file"]
        sys.modules["__main__"] = main


def quiet_input() -> None:
    """Let standard input be at its end: it belongs to the parent."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    if descriptor:  # else it was closed, and this is it
        os.dup2(descriptor, 0)
        os.close(descriptor)
    sys.stdin = open(0, encoding="utf-8", closefd=False)


def print_by_lines() -> None:
    """Write standard output line by line, also where Python is told not to buffer: lines of several workers do not mix
    then."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(line_buffering=True, write_through=False)
