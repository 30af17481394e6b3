"""The function that `procession map` runs: named in a module or a file, or written out.

Knows: how modules are found and loaded, here and in a worker.
Must not know: click. A worker loads this file.

What travels to a worker is the name, not the function: the worker loads it again, as an import would.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any, Literal

from procession.model.errors import ProcessionError, shorten


class TargetNotFound(ProcessionError):
    """There is no such function; no work was started.

    Args:
        target: As it was given.
        reason: What was found in its place.
    """

    facts = ("target", "reason")
    target: str
    reason: str

    def text(self) -> str:
        return f"TARGET {shorten(self.target)}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the function is.

    Args:
        given: As it was given.
        kind: How it is found.
        where: The module's name, the file's path, or the expression.
        attribute: The function's name in there; may have dots.
        module: The name under which a file is loaded.
    """

    given: str
    kind: Literal["module", "file", "expression"]
    where: str
    attribute: str = ""
    module: str = ""

    def load(self) -> Callable[..., Any]:
        """Give the function; loaded once in each process.

        Raises:
            TargetNotFound: There is none.
        """
        return _load(self)

    def source(self) -> str:
        """Give a text that changes when the function does: its source, where there is one, else its name."""
        import inspect

        try:
            return self.given if self.kind == "expression" else inspect.getsource(self.load())
        except (OSError, TypeError):  # built in, made at run time, or an object that can be called
            return self.given


def parse(text: str) -> Target:
    """Read `pkg.mod:func` or `file.py:func`.

    Raises:
        TargetNotFound: It is neither.
    """
    where, colon, attribute = text.rpartition(":")
    if not colon or not where or not attribute:
        raise TargetNotFound(target=text, reason="must be pkg.mod:func or file.py:func, or give -e 'lambda line: ...'")
    if not where.endswith(".py"):
        return Target(text, "module", where, attribute)
    path = os.path.abspath(where)
    if not os.path.isfile(path):
        raise TargetNotFound(target=text, reason=f"no file {where!r}")
    return Target(text, "file", path, attribute, _module_name(path))


def expression(text: str) -> Target:
    """Take an expression that gives a function. Names of modules in it need no import."""
    return Target(text, "expression", text)


def _module_name(path: str) -> str:
    """Choose the name that a file is loaded under: its own, but never that of another module."""
    stem = os.path.splitext(os.path.basename(path))[0]
    taken = stem in sys.modules or stem in sys.stdlib_module_names or not stem.isidentifier()
    return f"procession_target_{abs(hash(path)):x}" if taken else stem


@lru_cache(maxsize=8)
def _load(target: Target) -> Callable[..., Any]:
    try:
        function = _evaluate(target.where) if target.kind == "expression" else _find(target)
    except (Exception, SystemExit) as error:  # whatever the user's module does when it is loaded
        raise TargetNotFound(target=target.given, reason=_why(error)) from error
    if not callable(function):
        raise TargetNotFound(
            target=target.given, reason=f"is of type {type(function).__name__}, which cannot be called"
        )
    return function  # type: ignore[no-any-return]


def _find(target: Target) -> Any:
    found: Any
    if target.kind == "file":
        _make_importable(os.path.dirname(target.where))
        found = _load_file(target)
    else:
        _make_importable(os.getcwd())
        found = importlib.import_module(target.where)
    for name in target.attribute.split("."):
        found = getattr(found, name)
    return found


def _make_importable(folder: str) -> None:
    """Look for modules in this folder first, as `python -m` and `python file.py` do."""
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _load_file(target: Target) -> ModuleType:
    spec = importlib.util.spec_from_file_location(target.module, target.where)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {target.where!r}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[target.module] = module  # its classes are pickled by this name
    spec.loader.exec_module(module)
    return module


def _evaluate(text: str) -> Any:
    tree = ast.parse(text.strip(), "<-e>", "eval")
    return eval(compile(tree, "<-e>", "eval"), _modules_in(tree))


def _modules_in(tree: ast.Expression) -> dict[str, Any]:
    """Import the modules that an expression names: `json.loads`, `os.path.basename`, `urllib.parse.quote`."""
    bound = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        name = _dotted(node)
        top = name.partition(".")[0]
        if name and top not in bound and not hasattr(builtins, top):
            _import_longest(name, found)
    return found


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else ""


def _import_longest(name: str, found: dict[str, Any]) -> None:
    """Import `a.b.c` as far as it consists of modules; nothing if `a` is none."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        try:
            importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            return
        found[parts[0]] = sys.modules[parts[0]]


def _why(error: BaseException) -> str:
    """Say what went wrong while a module was loaded, and in which line."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return text
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    last = frames[-1] if frames else None
    return text if last is None or last.filename == __file__ else f"{text} ({last.filename}, line {last.lineno})"
