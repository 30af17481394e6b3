"""Our pickler: what lives in `__main__` travels by its name or by value, and we learn which names it needs there.

Knows: how to take a function apart; that each process has one namespace `__main__`.
Must not know: workers, versions, what was sent (`functions`).

Two picklers share the rules. The light one does all that needs no cloudpickle, whose import takes 20 ms; what it refuses
(classes by value, functions of `exec`) goes to the other.
"""

from __future__ import annotations

import copyreg
import io
import marshal
import pickle
import sys
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from procession.wire import rebuilding
from procession.wire.references import ATOMS, MAIN_NAMES, attribute_names, global_names

KEPT_CODES = 1_000  # taken-apart functions kept for the next call; a code object and its bytes are some KB
NOT_FOUND = object()


def main_namespace() -> dict[str, Any]:
    """Give the globals of this process's main module."""
    return sys.modules["__main__"].__dict__


class Uses:
    """What a pickle needs of `__main__`.

    Args:
        main: The globals of this process's `__main__`.
        user: Who needs what no function in the pickle can be named for.
        defined: Names whose value is written out, not referred to.
    """

    __slots__ = ("defined", "eager", "main", "names", "there", "user", "watched")

    def __init__(self, main: dict[str, Any], user: str, defined: frozenset[str] = frozenset()) -> None:
        self.main = main
        self.user = user
        self.defined = defined
        self.names: dict[str, str] = {}  # every global used, and who uses it; builtins among them
        self.eager: set[str] = set()  # those that must be there before the pickle is loaded
        self.watched: set[int] = set()  # ids to look out for; afterwards, those that the pickle holds
        self.there: dict[int, str] = {}  # by id: other values that the worker has, and under which name

    def refer(self, name: str) -> None:
        """Note that the pickle refers to a global by name."""
        self.names.setdefault(name, self.user)
        self.eager.add(name)


class _Code:
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


_codes: dict[int, _Code] = {}


def _taken_apart(code: CodeType) -> _Code:
    known = _codes.get(id(code))
    if known is None:
        if len(_codes) >= KEPT_CODES:
            _codes.clear()
        known = _codes[id(code)] = _Code(code)
    return known


class _Cell:
    """Stands for a cell of a closure: the same one for all functions that share it, empty until it is filled."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilding.cell, ()


class LightPickler(pickle.Pickler):
    """A pickler that knows `__main__` and takes functions apart."""

    def __init__(self, file: io.BytesIO, uses: Uses) -> None:
        super().__init__(file, 5)
        self.begin(uses)

    def begin(self, uses: Uses) -> None:
        self.uses = uses
        self._cells: dict[int, tuple[CellType, _Cell]] = {}

    def otherwise(self, value: Any) -> Any:
        """Decide on a function or class that has no name to go by."""
        raise pickle.PicklingError(f"cannot pickle {value!r} by name")

    def plainly(self, value: Any) -> Any:
        """Decide on anything that no rule is about."""
        return NotImplemented

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        if kind is FunctionType:
            return self._function(value)
        if kind is _Cell:
            return NotImplemented
        if issubclass(kind, type):
            return self._class(value)
        if kind is ModuleType:
            return self._module(value)
        if kind.__reduce__ is object.__reduce__ and kind.__reduce_ex__ is object.__reduce_ex__:
            return self._sentinel(value) if kind.__module__ == "dataclasses" else self.plainly(value)
        return self._reduced(value)

    def _root(self, value: Any, qualname: str) -> str | None:
        """Give the name in `__main__` under which a value is found by its own qualified name, or None."""
        module = getattr(value, "__module__", None)
        if module is not None and module not in MAIN_NAMES:
            return None
        first, *rest = qualname.split(".")
        found = self.uses.main.get(first, NOT_FOUND)
        for part in rest:
            found = getattr(found, part, NOT_FOUND)
        return first if found is value else None

    def _by_name(self, value: Any, root: str, qualname: str) -> Any:
        self.uses.refer(root)
        return NotImplemented if value.__module__ == "__main__" else (rebuilding.main_global, (qualname,))

    def _class(self, value: type) -> Any:
        root = self._root(value, value.__qualname__)
        if root is None:
            return self.otherwise(value) if value.__module__ in MAIN_NAMES else self.plainly(value)
        return self.otherwise(value) if root in self.uses.defined else self._by_name(value, root, value.__qualname__)

    def _module(self, value: ModuleType) -> Any:
        known = sys.modules.get(value.__name__) is value
        return (rebuilding.module, (value.__name__,)) if known else self.plainly(value)

    def _sentinel(self, value: Any) -> Any:
        """Keep MISSING, KW_ONLY and their like what they are: code compares them by identity."""
        for name, each in vars(sys.modules["dataclasses"]).items():
            if each is value:
                return name
        return self.plainly(value)

    def _reduced(self, value: Any) -> Any:
        """Reduce an object by its own way, to see whether it goes by its name in `__main__`."""
        if type(value) in self._dispatch():
            return self.plainly(value)
        reduced = value.__reduce_ex__(5)
        if not isinstance(reduced, str):
            return reduced
        root = self._root(value, reduced)
        if root is None:
            return reduced
        if root not in self.uses.defined:
            return self._by_name(value, root, reduced)
        return _taken_apart_singleton(value)

    def _dispatch(self) -> Any:
        return copyreg.dispatch_table

    def _function(self, value: FunctionType) -> Any:
        qualname = value.__qualname__
        root = self._root(value, qualname)
        if root is not None and root not in self.uses.defined:
            return self._by_name(value, root, qualname)
        if root is None and _importable(value, qualname):
            return NotImplemented
        home = self._home(value.__globals__)
        return self.otherwise(value) if home is None else self._by_value(value, home)

    def _home(self, namespace: dict[str, Any]) -> str | None:
        """Give the module whose globals these are, if the worker has it or can import it."""
        if namespace is self.uses.main:
            return "__main__"
        module = sys.modules.get(namespace.get("__name__", ""))
        found = getattr(module, "__dict__", None) is namespace and getattr(module, "__spec__", None) is not None
        return namespace["__name__"] if found else None

    def _by_value(self, value: FunctionType, home: str) -> tuple[Any, ...]:
        taken = _taken_apart(value.__code__)
        cells, contents = self._closure(value.__closure__ or ())
        imports: tuple[str, ...] = ()
        if home == "__main__":
            for name in taken.names:
                self.uses.names.setdefault(name, value.__qualname__)
            imports = _submodules(taken, value)
        made = (taken.data, home, cells)
        state = (_special(value, taken), value.__dict__, contents, tuple(map(_Import, imports)))
        if not any(state):
            return rebuilding.function, made
        return rebuilding.function, made, state, None, None, rebuilding.fill_function

    def _closure(self, closure: tuple[CellType, ...]) -> tuple[tuple[_Cell, ...], tuple[tuple[_Cell, Any], ...]]:
        cells, contents = [], []
        for each in closure:
            known = self._cells.get(id(each))
            if known is None:
                known = self._cells[id(each)] = (each, _Cell())
                try:
                    contents.append((known[1], each.cell_contents))
                except ValueError:  # empty here: empty there
                    pass
            cells.append(known[1])
        return tuple(cells), tuple(contents)


class _Import:
    """Makes the loading of a pickle import a module."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilding.module, (self.name,)


def _importable(value: FunctionType, qualname: str) -> bool:
    found: Any = sys.modules.get(value.__module__ or "", NOT_FOUND)
    for part in qualname.split("."):
        found = getattr(found, part, NOT_FOUND)
    return found is value


def _special(value: FunctionType, taken: _Code) -> dict[str, Any]:
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


def _submodules(taken: _Code, value: FunctionType) -> tuple[str, ...]:
    """Give the submodules that a function reaches through their package, as `xml.dom` after `import xml.dom`."""
    space = value.__globals__
    packages = [each.__name__ for each in map(space.get, taken.names) if _is_package(each)]
    if not packages:
        return ()
    count, found = taken.submodules
    if count != len(sys.modules):
        starts = tuple(f"{package}." for package in packages)
        loaded = [name for name in list(sys.modules) if name.startswith(starts)]
        found = tuple(name for name in loaded if taken.attributes.issuperset(name.split(".")[1:]))
        taken.submodules = (len(sys.modules), found)
    return found


def _is_package(value: Any) -> bool:
    return type(value) is ModuleType and hasattr(value, "__path__")


def _taken_apart_singleton(value: Any) -> Any:
    """Reduce an object that would go by its name, where that very name is being defined."""
    if hasattr(value, "cache_parameters"):
        from functools import lru_cache

        return lru_cache(**value.cache_parameters()), (value.__wrapped__,)
    return copyreg.__newobj__, (type(value),), getattr(value, "__dict__", None) or None


def can_be_shared(value: object) -> bool:
    """True if it matters whether two names have the same object or equal ones, and it does not go by its name anyway."""
    return not isinstance(value, (FunctionType, type, *ATOMS))


def dumps(value: object, uses: Uses) -> bytes:
    """Pickle a value for another process's `__main__` and note in `uses` what it needs there.

    Raises:
        BaseException: Whatever pickling raises, also from a user's `__reduce__`.
    """
    if uses.there:
        from procession.wire.by_value import SharingPickler

        return _dumped(value, uses, SharingPickler)
    try:
        return _dumped(value, uses, LightPickler)
    except Exception:
        from procession.wire.by_value import CloudPickler

        return _dumped(value, uses, CloudPickler)


def _dumped(value: object, uses: Uses, kind: type[LightPickler]) -> bytes:
    file = io.BytesIO()
    pickler = kind(file, uses)
    pickler.dump(value)
    if uses.watched:
        uses.watched.intersection_update(pickler.memo.copy())
    return file.getvalue()
