"""A function taken apart: its code as bytes, its cells, and what does not follow from its code.

Knows: code objects, cells, and that the same Python is on the other side.
Must not know: what travels by name.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Iterable
from types import CellType, CodeType, FunctionType, ModuleType

from procession.model.light import Any
from procession.wire import rebuilding
from procession.wire.references import attribute_names, global_names

KEPT_CODES = 1_000  # taken-apart code objects kept for the next call; each is some KB


class Code:
    """A code object taken apart once."""

    __slots__ = ("attributes", "code", "data", "defaults", "names", "submodules")

    def __init__(self, code: CodeType) -> None:
        self.code = code  # kept, so that its id stays its own
        self.names = sorted(global_names(code))
        self.attributes = attribute_names(code)
        self.submodules: tuple[int, tuple[str, ...]] = (0, ())
        try:
            self.data: bytes | CodeType = marshal.dumps(code)
        except ValueError:  # a constant that no compiler makes
            self.data = code
        bare = FunctionType(code, {"__name__": None}, None, None, tuple(CellType() for _ in code.co_freevars) or None)
        self.defaults = (bare.__name__, bare.__qualname__, bare.__doc__)


_codes: dict[int, Code] = {}


def taken_apart(code: CodeType) -> Code:
    known = _codes.get(id(code))
    if known is None:
        if len(_codes) >= KEPT_CODES:
            _codes.clear()
        known = _codes[id(code)] = Code(code)
    return known


class Cell:
    """Stands for a cell of a closure: the same one for all functions that share it, empty until it is filled."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilding.cell, ()


class Space:
    """Stands for globals of no module, as `exec` makes them: the same ones for all functions that share them."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, namespace: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
        """Give those globals that were not taken before."""
        new = [name for name in ("__name__", *names) if name in namespace and name not in self._taken]
        self._taken.update(new)
        return {name: namespace[name] for name in new}

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, ()


class Import:
    """Makes the loading of a pickle import a module."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilding.module, (self.name,)


def special_attributes(value: FunctionType, taken: Code) -> dict[str, Any]:
    """Give those attributes of a function that do not follow from its code."""
    special: dict[str, Any] = {
        "__defaults__": value.__defaults__,
        "__kwdefaults__": value.__kwdefaults__,
        "__annotations__": _annotations(value),
        "__type_params__": getattr(value, "__type_params__", ()),
    }
    special = {name: each for name, each in special.items() if each}
    for name, usual in zip(("__name__", "__qualname__", "__doc__"), taken.defaults, strict=True):
        if getattr(value, name) != usual:
            special[name] = getattr(value, name)
    if value.__module__ != value.__globals__.get("__name__"):
        special["__module__"] = value.__module__
    return special


def _annotations(value: FunctionType) -> dict[str, Any]:
    try:
        return value.__annotations__
    except NameError:  # CPython 3.14 evaluates them only now
        return {}


def submodules(taken: Code, value: FunctionType) -> tuple[str, ...]:
    """Give the submodules that a function reaches through their package, as `xml.dom` after `import xml.dom`."""
    space = value.__globals__
    packages = [each.__name__ for each in map(space.get, taken.names) if type(each) is ModuleType and _is_package(each)]
    if not packages:
        return ()
    count, found = taken.submodules
    if count != len(sys.modules):
        starts = tuple(f"{package}." for package in packages)
        loaded = [name for name in list(sys.modules) if name.startswith(starts)]
        found = tuple(name for name in loaded if taken.attributes.issuperset(name.split(".")[1:]))
        taken.submodules = (len(sys.modules), found)
    return found


def _is_package(value: ModuleType) -> bool:
    return hasattr(value, "__path__")


def closure(
    value: FunctionType, known: dict[int, tuple[CellType, Cell]]
) -> tuple[tuple[Cell, ...], tuple[tuple[Cell, Any], ...]]:
    """Give what stands for a function's cells, and the contents of those that were not known before."""
    cells, contents = [], []
    for each in value.__closure__ or ():
        pair = known.get(id(each))
        if pair is None:
            pair = known[id(each)] = (each, Cell())
            try:
                contents.append((pair[1], each.cell_contents))
            except ValueError:  # empty here: empty there
                pass
        cells.append(pair[1])
    return tuple(cells), tuple(contents)
