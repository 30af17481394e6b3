"""CPython's tests, read from the running Python, with their imports of `multiprocessing` led to another module.

Knows: where their text lies, and which of its lines import multiprocessing, also inside the scripts in its strings.
Must not know: which tests there are.

Aliasing `sys.modules["multiprocessing"]` would reach procession itself and concurrent.futures too, and no child that
was spawned. The text is read, changed and run; only while the tests run does a copy lie in a temporary folder.
"""

from __future__ import annotations

import importlib.util
import linecache
import os
import re
from pathlib import Path
from typing import Any

LIBRARY = os.environ.get("MP_UNDER_TEST", "procession")
HELPERS = ("mp_fork_bomb", "mp_preload")  # scripts that the tests look for beside themselves

IMPORTS = [
    (r"^(\s*)import multiprocessing\.(\w+)", r"\1import LIB.\2; import LIB as multiprocessing"),
    (r"^(\s*)import multiprocessing(?=\s*$|,)", r"\1import LIB as multiprocessing"),
    (r"^(\s*)import multiprocessing as", r"\1import LIB as"),
    (r"^(\s*)from multiprocessing((?:\.\w+)*) import", r"\1from LIB\2 import"),
    (r"test\.mp_preload", "mp_preload"),
]


def origin(module: str) -> Path:
    """Where a module of CPython's tests lies.

    Raises:
        LookupError: This Python comes without its tests.
    """
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise LookupError(f"this Python has no {module}")
    return Path(found.origin)


def redirected(text: str) -> str:
    """Lead the imports of a text to the module under test."""
    for pattern, new in IMPORTS:
        text = re.sub("(?m)" + pattern, new.replace("LIB", LIBRARY), text)
    return text


def run_as(module: str, namespace: dict[str, Any]) -> None:
    """Run a module of CPython's tests in the namespace of ours, under whose name spawned children import it."""
    # Or the children of `-c` scripts would run with -I, which ignores PYTHONPATH.
    from test.support import script_helper

    script_helper.__dict__["__cached_interp_requires_environment"] = True
    path = origin(module)
    text = redirected(path.read_text(encoding="utf-8")).replace(module, namespace["__name__"])
    name = namespace["__file__"]  # tests ask for the name of their file, and for lines of it in tracebacks
    linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name
    exec(compile(text, name, "exec"), namespace)


def write_helpers(folder: Path) -> None:
    """Write the helper scripts of `test._test_multiprocessing`, redirected."""
    for name in HELPERS:
        source = origin("test._test_multiprocessing").with_name(f"{name}.py")
        if source.exists():
            (folder / source.name).write_text(redirected(source.read_text(encoding="utf-8")), encoding="utf-8")
