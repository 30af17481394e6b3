"""Our rules for pickling: what lives in `__main__` travels by its name or by value, and we learn which names it needs.

Knows: that each process has one namespace `__main__`, and which values go by a name in it.
Must not know: workers, versions, what was sent (`functions`); cloudpickle (`by_value`).
"""

from __future__ import annotations

import copyreg
import functools
import io
import pickle
import sys
from collections import ChainMap
from collections.abc import Callable
from types import CellType, FunctionType, MappingProxyType, ModuleType

from procession.model.light import TYPE_CHECKING, Any
from procession.wire import rebuilding
from procession.wire.parts import Cell, Import, Space, closure, special_attributes, submodules, taken_apart
from procession.wire.references import ATOMS, MAIN_NAMES

if TYPE_CHECKING:
    from procession.wire.store import Apart

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

    __slots__ = ("apart", "defined", "eager", "main", "names", "there", "user", "watched")

    def __init__(self, main: dict[str, Any], user: str, defined: frozenset[str] = frozenset()) -> None:
        self.main = main
        self.user = user
        self.defined = defined
        self.names: dict[str, str] = {}  # every global used, and who uses it; builtins among them
        self.eager: set[str] = set()  # those that must be there before the pickle is loaded
        self.watched: set[int] = set()  # ids to look out for; afterwards, those that the pickle holds
        self.apart: Apart | None = None  # takes large buffers
        self.there: dict[int, str] = {}  # by id: other values that the worker has, and under which name

    def refer(self, name: str) -> None:
        """Note that the pickle refers to a global by name."""
        self.names.setdefault(name, self.user)
        self.eager.add(name)


class LightPickler(pickle.Pickler):
    """A pickler that knows `__main__` and takes functions and classes apart."""

    def __init__(self, file: io.BytesIO, uses: Uses) -> None:
        super().__init__(file, 5, buffer_callback=uses.apart)
        self.begin(uses)

    def begin(self, uses: Uses) -> None:
        """Set what this class keeps beside its base's."""
        self.uses = uses
        self.cells: dict[int, tuple[CellType, Cell]] = {}
        self._spaces: dict[int, tuple[dict[str, Any], Space]] = {}
        self._plain_kinds: set[type] = set()  # asking once is enough: thousands of items may be of one class
        reduction = sys.modules.get("multiprocessing.reduction")
        if reduction is not None:  # connections and sockets, which only processes can hand to each other
            table = ChainMap(reduction.ForkingPickler(io.BytesIO()).dispatch_table, self._dispatch())
            # By the descriptor: the pickler would not ask again for an attribute of cloudpickle's class.
            pickle.Pickler.dispatch_table.__set__(self, table)  # type: ignore[attr-defined]

    def plainly(self, value: Any) -> Any:
        """Decide on anything that no rule is about."""
        return NotImplemented

    def reducer_override(self, value: Any) -> Any:
        """Decide how an object is written: as `pickle` asks of a subclass."""
        kind = type(value)
        if kind in self._plain_kinds:
            return NotImplemented
        if kind in _BY_KIND:
            return _BY_KIND[kind](self, value)
        if issubclass(kind, type):
            return self._class(value)
        ways: tuple[Any, Any] = (kind.__reduce__, kind.__reduce_ex__)
        if ways[0] is object.__reduce__ and ways[1] is object.__reduce_ex__:
            reduced = self._sentinel(value) if kind.__module__ == "dataclasses" else self.plainly(value)
            if reduced is NotImplemented:
                self._plain_kinds.add(kind)
            return reduced
        return self._reduced(value)

    def _root(self, value: Any, qualname: str) -> str | None:
        """Give the name in `__main__` under which a value is found by its own qualified name, or None."""
        module = getattr(value, "__module__", None)
        if module is not None and module not in MAIN_NAMES:
            return None
        first, _, rest = qualname.partition(".")
        return first if _found(self.uses.main.get(first, NOT_FOUND), rest) is value else None

    def _by_name(self, value: Any, root: str, qualname: str) -> Any:
        self.uses.refer(root)
        return NotImplemented if value.__module__ == "__main__" else (rebuilding.main_global, (qualname,))

    def _class(self, value: type) -> Any:
        root = self._root(value, value.__qualname__)
        if root is not None and root not in self.uses.defined:
            return self._by_name(value, root, value.__qualname__)
        if not _is_ours(value, root):
            return self.plainly(value)
        from procession.wire import classes

        return classes.parts(value)

    def _module(self, value: ModuleType) -> Any:
        known = sys.modules.get(value.__name__) is value
        return (rebuilding.module, (value.__name__,)) if known else self.plainly(value)

    def _property(self, value: property) -> Any:
        return property, (value.fget, value.fset, value.fdel, value.__doc__)

    def _method(self, value: Any) -> Any:
        return type(value), (value.__func__,)

    def _read_only(self, value: MappingProxyType[Any, Any]) -> Any:
        return rebuilding.read_only, (dict(value),)

    def _sentinel(self, value: Any) -> Any:
        """Keep MISSING, KW_ONLY and their like what they are: code compares them by identity."""
        for name, each in vars(sys.modules["dataclasses"]).items():
            if each is value:
                return name
        return self.plainly(value)

    def _reduced(self, value: Any) -> Any:
        """Reduce an object by its own way, to see whether it goes by its name in `__main__`."""
        kind = type(value)
        if kind in self._dispatch() and kind.__module__ != "typing":
            return self.plainly(value)
        if kind.__module__ in MAIN_NAMES:
            from procession.wire import classes

            root = self._root(kind, kind.__qualname__)
            if classes.is_member(value) and (root is None or root in self.uses.defined):
                return classes.member_parts(value)
        reduced = value.__reduce_ex__(5)
        return self._named(value, reduced) if isinstance(reduced, str) else reduced

    def _named(self, value: Any, name: str) -> Any:
        root = self._root(value, name)
        if root is not None and root not in self.uses.defined:
            return self._by_name(value, root, name)
        if root is None and _importable(value, name):
            return name
        from procession.wire import stdlib_objects

        parts = stdlib_objects.parts(value)
        if parts is not None or root is None:
            return parts or name
        return copyreg.__newobj__, (type(value),), getattr(value, "__dict__", None) or None  # type: ignore[attr-defined]

    def _dispatch(self) -> Any:
        return getattr(self, "dispatch_table", copyreg.dispatch_table)

    def _function(self, value: FunctionType) -> Any:
        qualname = value.__qualname__
        root = self._root(value, qualname)
        if root is not None and root not in self.uses.defined:
            return self._by_name(value, root, qualname)
        if root is None and _importable(value, qualname):
            return NotImplemented
        if "_clear_cache" in value.__dict__:
            from procession.wire import stdlib_objects

            if stdlib_objects.is_dispatcher(value):
                return stdlib_objects.dispatcher_parts(value)
        return self._by_value(value)

    def _by_value(self, value: FunctionType) -> tuple[Any, ...]:
        taken = taken_apart(value.__code__)
        home = _home(value.__globals__, self.uses.main)
        imports: tuple[str, ...] = ()
        bound: dict[str, Any] = {}
        if home == "__main__":
            for name in taken.names:
                self.uses.names.setdefault(name, value.__qualname__)
            imports = submodules(taken, value)
        space: str | Space | None = home
        if home is None:
            known = self._spaces.setdefault(id(value.__globals__), (value.__globals__, Space()))
            space, bound = known[1], known[1].take(value.__globals__, taken.names)
        cells, contents = closure(value, self.cells)
        state = (special_attributes(value, taken), value.__dict__, contents, bound, tuple(map(Import, imports)))
        if not any(state):
            return rebuilding.function, (taken.data, space, cells)
        return rebuilding.function, (taken.data, space, cells), state, None, None, rebuilding.fill_function

    def _cached_property(self, value: Any) -> Any:
        from procession.wire import stdlib_objects

        return stdlib_objects.cached_property_parts(value)

    def _part(self, value: Any) -> Any:
        return NotImplemented


class SharingPickler(LightPickler):
    """Refers by name to what the worker has already. Slow: it is asked about every single object."""

    def persistent_id(self, value: Any) -> str | None:
        """Give the name under which the worker has an object, as `pickle` asks of a subclass."""
        return self.uses.there.get(id(value))


_BY_KIND: dict[type, Callable[[LightPickler, Any], Any]] = {
    FunctionType: LightPickler._function,
    ModuleType: LightPickler._module,
    MappingProxyType: LightPickler._read_only,
    property: LightPickler._property,
    classmethod: LightPickler._method,
    staticmethod: LightPickler._method,
    functools.cached_property: LightPickler._cached_property,
    Cell: LightPickler._part,
    Space: LightPickler._part,
    Import: LightPickler._part,
}


def _found(value: Any, path: str) -> Any:
    for part in path.split(".") if path else ():
        value = getattr(value, part, NOT_FOUND)
    return value


def _importable(value: Any, qualname: str) -> bool:
    return _found(sys.modules.get(value.__module__ or "", NOT_FOUND), qualname) is value


def _is_ours(value: type, root: str | None) -> bool:
    """True for a class that no name leads to and that a class statement made, not some extension."""
    if root is not None or value.__module__ in MAIN_NAMES:
        return True
    return "<locals>" in value.__qualname__ and not _importable(value, value.__qualname__)


def _home(namespace: dict[str, Any], main: dict[str, Any]) -> str | None:
    """Give the module whose globals these are, if the worker has it or can import it."""
    if namespace is main:
        return "__main__"
    name: str | None = namespace.get("__name__")
    module = sys.modules.get(name or "")
    found = getattr(module, "__dict__", None) is namespace and getattr(module, "__spec__", None) is not None
    return name if found else None


def can_be_shared(value: object) -> bool:
    """True if it matters whether two names have one object or two equal ones, and it does not go by its name anyway."""
    return type(value) not in ATOMS and not isinstance(value, (FunctionType, type))
