"""Which globals a function uses, read from its bytecode.

Knows: code objects, and how to look into values that no pickler will look into.
Must not know: workers, pickles, what was sent.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, ModuleType

MAIN_NAMES = frozenset({"__main__", "__mp_main__"})  # the second: multiprocessing's name for it in a spawned child
OWN_NAMES = frozenset({"__builtins__", "__loader__", "__name__", "__package__", "__spec__"})  # each process has its own
LOOK_AT_MOST = 2_000  # objects; about 1 ms. Functions deeper inside a big value are not found
ATOMS = frozenset({bool, bytes, bytearray, complex, float, int, str, type(None), CodeType, ModuleType})


def code_of(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and all that are nested in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from code_of(constant)


def global_names(code: CodeType) -> frozenset[str]:
    """Give the names of the globals that a function reads, binds or deletes, its nested functions and classes included.

    A name that is only bound counts too: an initializer that binds it must find the parent's value in place, or that
    would arrive later, over the initializer's.
    """
    found = {name for each in code_of(code) for name in _names_in(each)}
    return frozenset(found - OWN_NAMES)


def attribute_names(code: CodeType) -> frozenset[str]:
    """Give every name that occurs in a function, attributes included."""
    return frozenset(name for each in code_of(code) for name in each.co_names)


def _names_in(code: CodeType) -> Iterator[str]:
    from opcode import EXTENDED_ARG, opmap

    shifted = opmap["LOAD_GLOBAL"]  # its lowest bit says whether a NULL is pushed too
    straight = {opmap[name] for name in _STRAIGHT if name in opmap}
    raw, high = code.co_code, 0
    for at in range(0, len(raw), 2):
        operation, argument = raw[at], raw[at + 1] | high
        if operation == shifted:
            yield code.co_names[argument >> 1]
        elif operation in straight:
            yield code.co_names[argument]
        high = argument << 8 if operation == EXTENDED_ARG else 0


_STRAIGHT = ("LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")


def names_reached(value: object, main: Mapping[str, object]) -> dict[str, str]:
    """Give the globals of `main` that functions inside a value use, each with the name of one function that uses it.

    For a value that stays where it is (a worker has it): nothing is pickled, so this looks at what an object refers to.
    """
    found: dict[str, str] = {}
    seen: set[int] = set()
    todo = [value]
    while todo and len(seen) < LOOK_AT_MOST:
        each = todo.pop()
        if type(each) in ATOMS or id(each) in seen or each is main:
            continue
        seen.add(id(each))
        if isinstance(each, FunctionType) and each.__globals__ is main:
            for name in global_names(each.__code__):
                found.setdefault(name, each.__qualname__)
        todo.extend(_inside(each))
    return found


def _inside(value: object) -> list[object]:
    if isinstance(value, FunctionType):
        # not its globals: they hold everything
        parts = [value.__closure__, value.__defaults__, value.__kwdefaults__, value.__dict__]
        return [part for part in parts if part]
    if isinstance(value, type):
        return [*value.__bases__, *vars(value).values()] if value.__module__ in MAIN_NAMES else []
    return [type(value), *gc.get_referents(value)]
