"""CPython's tests of concurrent.futures, with their imports led to procession's executor and contexts.

Knows: the files of `test.test_concurrent_futures`, a package or (up to some builds of 3.11) one file.
Must not know: which tests there are.

Its files import each other, and children import them by name; so redirected copies lie in the folder that the tests run
in, under another name, for as long as they run.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import redirect

NAME = "cpython_futures"
SOURCE = "test.test_concurrent_futures"

# Or the children of `-c` scripts would run with -I, which ignores PYTHONPATH.
FIRST = """from test.support import script_helper
script_helper.__dict__["__cached_interp_requires_environment"] = True
"""
IMPORTS = [
    (r"^(\s*)from concurrent import futures", r"\1import LIB.futures as futures"),
    (
        r"^(\s*)import concurrent\.futures$",
        r"\1import concurrent; import LIB.futures; concurrent.futures = LIB.futures",
    ),
    (r"^(\s*)from concurrent\.futures import", r"\1from LIB.futures import"),
    (r"futures\.process\._RemoteTraceback", r"__import__('LIB').RemoteTraceback"),
]


def available() -> bool:
    """True if this Python comes with these tests; some builds do not."""
    return importlib.util.find_spec("test") is not None and importlib.util.find_spec(SOURCE) is not None


def write(folder: Path) -> None:
    """Write redirected copies into the folder that the tests run in."""
    if not available():
        return
    path = redirect.origin(SOURCE)
    if path.name != "__init__.py":
        (folder / f"{NAME}.py").write_text(FIRST + redirected(path.read_text(encoding="utf-8")), encoding="utf-8")
        return
    (folder / NAME).mkdir()
    for source in path.parent.glob("*.py"):
        text = redirected(source.read_text(encoding="utf-8"))
        (folder / NAME / source.name).write_text(FIRST * (source.name == path.name) + text, encoding="utf-8")


def redirected(text: str) -> str:
    """Lead the imports of a text to the module under test; the standard library's own stay, but for the tests' name."""
    text = text.replace(SOURCE, NAME)
    if redirect.LIBRARY == "multiprocessing":
        return text
    for pattern, new in IMPORTS:
        text = re.sub("(?m)" + pattern, new.replace("LIB", redirect.LIBRARY), text)
    return redirect.redirected(text)
