"""What a worker calls while it unpickles: functions, cells, modules and what `__main__` holds.

Knows: how such a thing is put together from plain parts.
Must not know: how the parts were taken from the original (`pickling`).
"""

from __future__ import annotations

import builtins
import sys
from marshal import loads
from types import CellType, CodeType, FunctionType, MappingProxyType, ModuleType

from procession.model.light import Any


def main_global(qualname: str) -> Any:
    """Give what this process has in `__main__` under a dotted name."""
    value: Any = sys.modules["__main__"]
    for part in qualname.split("."):
        value = getattr(value, part)
    return value


def module(name: str) -> ModuleType:
    """Import a module by its full name; unlike `__import__`, give the last part of it."""
    __import__(name)
    return sys.modules[name]


def read_only(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """Make a mapping that cannot be written."""
    return MappingProxyType(values)


def cell() -> CellType:
    """Make an empty cell; the function that it belongs to fills it later."""
    return CellType()


def function(code: bytes | CodeType, home: str | dict[str, Any], cells: tuple[CellType, ...]) -> FunctionType:
    """Make a function whose globals are those of a module of this process, or a dict of its own."""
    made = code if isinstance(code, CodeType) else loads(code)
    space = module(home).__dict__ if isinstance(home, str) else home
    space.setdefault("__builtins__", builtins)  # imports made by C code look here
    return FunctionType(made, space, None, None, cells or None)


def fill_function(function: FunctionType, state: tuple[Any, ...]) -> None:
    """Give a function what may refer back to it: contents of cells, attributes, globals that are its own."""
    special, attributes, cells, bound, _ = state
    for each, value in cells:
        each.cell_contents = value
    for name, value in special.items():
        setattr(function, name, value)
    function.__dict__.update(attributes)
    function.__globals__.update(bound)
