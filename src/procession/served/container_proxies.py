"""Proxies of lists, dicts, sets, Counters, defaultdicts and deques: the methods of each type, one trip each.

Knows: their interfaces.
Must not know: how a question gets to the server.

What hands out an item (`d[key]`, `get`, iteration, `values`) hands out the item itself, by which it can be changed
(`shared/inner.py`); what makes a copy (`copy`, a slice, an operator) gives plain values.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, MutableMapping, MutableSequence, MutableSet
from typing import TYPE_CHECKING, Any, Generic, SupportsIndex, TypeVar, overload

from procession.served import inner
from procession.served.proxies import BaseProxy

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

if TYPE_CHECKING:

    class _Mapping(BaseProxy, MutableMapping[K, V]):
        pass

    class _Sequence(BaseProxy, MutableSequence[T]):
        pass

    class _Set(BaseProxy, MutableSet[T]):
        pass
else:

    class _Mapping(BaseProxy, Generic[K, V]):
        pass

    class _Sequence(BaseProxy, Generic[T]):
        pass

    class _Set(BaseProxy, Generic[T]):
        pass


_STORING = frozenset("append appendleft count discard index insert remove setdefault add".split())


def _plain(other: Any) -> Any:
    """The value of a proxy of a container, a list of an iterator; anything else as it is."""
    if isinstance(other, (_Mapping, _Sequence, _Set)):
        return other._getvalue()
    if isinstance(other, collections.abc.Mapping) and not isinstance(other, dict):
        return dict(other)
    return inner.solid(other)


def _asking(name: str) -> Callable[..., Any]:
    """A method that only asks."""

    def method(self: Any, /, *args: Any, **kwds: Any) -> Any:
        if resizing:
            self._changes += 1
        return self._callmethod(name, args if storing else tuple(map(_plain, args)), kwds)

    resizing = name in ("clear", "pop", "popitem", "setdefault", "update")  # of a dict
    storing = name in _STORING  # a proxy is stored as such

    method.__name__ = method.__qualname__ = name
    return method


def _in_place(name: str) -> Callable[..., Any]:
    """An operator whose result is the proxy itself."""

    def method(self: BaseProxy, other: Any) -> Any:
        return NotImplemented if self._callmethod(name, (_plain(other),)) is NotImplemented else self

    method.__name__ = method.__qualname__ = name
    return method


def _shows(kind: Any, names: str, asking: str = "", in_place: str = "") -> None:
    """Say which methods of its objects a type of proxies uses, and make those that only ask."""
    for name in asking.split():
        setattr(kind, name, _asking(name))
    for name in in_place.split():
        setattr(kind, name, _in_place(name))
    inherited = getattr(kind, "_exposed_", ())
    kind._exposed_ = tuple(dict.fromkeys((*inherited, *names.split(), *asking.split(), *in_place.split())))


class _Items:
    """What dicts, lists and deques have in common."""

    _callmethod: Callable[..., Any]
    _changes = 0  # of a dict, that were made by this proxy

    def __getitem__(self, key: Any) -> Any:
        return self._callmethod("__getitem__", (key,))

    def __setitem__(self, key: Any, value: Any) -> None:
        serial = inner.own(value)
        if serial is None:
            self._callmethod("__setitem__", (key, value))
        else:  # it may lie there already
            self._callmethod("#restore", ("__setitem__", key, value, serial))

    def __delitem__(self, key: Any) -> None:
        self._callmethod("__delitem__", (key,))

    def __len__(self) -> int:
        return int(self._callmethod("__len__"))

    def __contains__(self, item: object) -> bool:
        return bool(self._callmethod("__contains__", (item,)))

    def __iter__(self) -> Iterator[Any]:
        yield from self._callmethod("#snapshot")  # as late as it can be

    def __reversed__(self) -> Iterator[Any]:
        return iter(self._callmethod("#reversed"))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            bool(answer) if (answer := self._callmethod("__eq__", (_plain(other),))) is not NotImplemented else answer
        )

    __hash__ = object.__hash__  # of the proxy, as in the standard library


class DictProxy(_Items, _Mapping[K, V]):
    """A dict.

    Source: multiprocessing.managers.DictProxy.
    """

    def __setitem__(self, key: K, value: V) -> None:
        self._changes += 1
        super().__setitem__(key, value)

    def __delitem__(self, key: K) -> None:
        self._changes += 1
        super().__delitem__(key)

    def __iter__(self) -> Iterator[K]:
        return self._each(self._callmethod("#snapshot"), self._changes)

    def _each(self, keys: list[K], before: int) -> Iterator[K]:
        """Go through the keys, as long as their number is not changed by who does that."""
        for key in keys:
            if self._changes != before:
                before = self._changes
                if len(self) != len(keys):
                    raise RuntimeError("dictionary changed size during iteration")
            yield key

    def get(self, key: K, default: Any = None) -> Any:
        """The value of a key, or `default`."""
        return self._callmethod("get", (key, default))

    def get_many(self, keys: Iterable[K], default: Any = None) -> list[Any]:
        """The values of many keys, in one trip; `default` for each that is missing."""
        return list(self._callmethod("get_many", (list(keys), default)))

    def pop_many(self, keys: Iterable[K], default: Any = None) -> list[Any]:
        """Take many values out, in one trip; `default` for each that is missing."""
        return list(self._callmethod("pop_many", (list(keys), default)))

    def keys(self) -> list[K]:  # type: ignore[override]
        """The keys that there are now."""
        return list(self._callmethod("#snapshot"))

    def values(self) -> list[V]:  # type: ignore[override]
        """The values that there are now."""
        return list(self._callmethod("#values"))

    def items(self) -> list[tuple[K, V]]:  # type: ignore[override]
        """The items that there are now."""
        return list(self._callmethod("#items"))

    def copy(self) -> dict[K, V]:
        """A plain dict, with plain values."""
        made: dict[K, V] = self._callmethod("copy")
        return made

    if TYPE_CHECKING:

        def __getitem__(self, key: K) -> V: ...
        def __or__(self, other: Any) -> dict[Any, Any]: ...
        def __ror__(self, other: Any) -> dict[Any, Any]: ...
        def __ior__(self, other: Any) -> DictProxy[K, V]: ...


_shows(
    DictProxy,
    "__contains__ __delitem__ __getitem__ __iter__ __len__ __setitem__ copy get items keys values __eq__ __reversed__",
    "clear pop popitem setdefault update __or__ __ror__",
    "__ior__",
)


class CounterProxy(DictProxy[T, int]):
    """A collections.Counter. `update` and `subtract` count many in one trip; `c[key] += 1` is two."""

    def elements(self) -> Iterator[T]:
        """Each as often as it was counted."""
        return iter(self._callmethod("#elements"))

    def __repr__(self) -> str:
        return str(self)

    if TYPE_CHECKING:

        def most_common(self, n: int | None = None) -> list[tuple[T, int]]: ...
        def total(self) -> int: ...
        def subtract(self, iterable: Any = None, /, **kwds: int) -> None: ...
        def __add__(self, other: Any) -> collections.Counter[T]: ...
        def __sub__(self, other: Any) -> collections.Counter[T]: ...
        def __and__(self, other: Any) -> collections.Counter[T]: ...
        def __pos__(self) -> collections.Counter[T]: ...
        def __neg__(self) -> collections.Counter[T]: ...
        def __iadd__(self, other: Any) -> CounterProxy[T]: ...
        def __isub__(self, other: Any) -> CounterProxy[T]: ...
        def __iand__(self, other: Any) -> CounterProxy[T]: ...


_shows(
    CounterProxy,
    "",
    "most_common total subtract __add__ __sub__ __and__ __pos__ __neg__ __lt__ __le__ __gt__ __ge__",
    "__iadd__ __isub__ __iand__",
)


class DefaultDictProxy(DictProxy[K, V]):
    """A collections.defaultdict. Its factory runs in the manager's process, so it must be picklable."""

    @property
    def default_factory(self) -> Callable[[], V] | None:
        """What makes a missing value."""
        factory: Callable[[], V] | None = self._callmethod("#factory")
        return factory

    def __repr__(self) -> str:
        return str(self)


class ListProxy(_Items, _Sequence[T]):
    """A list.

    Source: multiprocessing.managers.ListProxy.
    """

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: SupportsIndex) -> T: ...
        @overload
        def __getitem__(self, index: slice) -> list[T]: ...
        def __getitem__(self, index: Any) -> Any: ...
        def copy(self) -> list[T]: ...
        def sort(self, *, key: Any = None, reverse: bool = False) -> None: ...
        def insert(self, index: Any, value: T) -> None: ...
        def __add__(self, other: Any) -> list[T]: ...
        def __mul__(self, n: int) -> list[T]: ...
        def __rmul__(self, n: int) -> list[T]: ...
        def __imul__(self, n: int) -> ListProxy[T]: ...


_shows(
    ListProxy,
    "__contains__ __delitem__ __getitem__ __len__ __reversed__ __setitem__ __eq__",
    "append clear copy count extend index insert pop remove reverse sort __add__ __mul__ __rmul__ "
    "__lt__ __le__ __gt__ __ge__",
    "__iadd__ __imul__",
)


class DequeProxy(_Items, _Sequence[T]):
    """A collections.deque."""

    @property
    def maxlen(self) -> int | None:
        """How many it holds at most."""
        most: int | None = self._callmethod("#maxlen")
        return most

    def __repr__(self) -> str:
        return str(self)

    if TYPE_CHECKING:

        def __getitem__(self, index: Any) -> T: ...  # type: ignore[override]  # it has no slices
        def appendleft(self, item: T, /) -> None: ...
        def copy(self) -> collections.deque[T]: ...
        def extendleft(self, items: Iterable[T], /) -> None: ...
        def insert(self, index: Any, value: T) -> None: ...
        def popleft(self) -> T: ...
        def rotate(self, n: int = 1, /) -> None: ...
        def __add__(self, other: Any) -> collections.deque[T]: ...
        def __mul__(self, n: int) -> collections.deque[T]: ...
        def __imul__(self, n: int) -> DequeProxy[T]: ...


_shows(
    DequeProxy,
    "__contains__ __delitem__ __getitem__ __len__ __reversed__ __setitem__ __eq__",
    "append appendleft clear copy count extend extendleft index insert pop popleft remove reverse rotate __add__ "
    "__mul__ __rmul__ __lt__ __le__ __gt__ __ge__",
    "__iadd__ __imul__",
)


class SetProxy(_Set[T]):
    """A set."""

    _changes = 0

    def __iter__(self) -> Iterator[T]:
        return iter(self._callmethod("#snapshot"))

    def __contains__(self, item: object) -> bool:
        return bool(self._callmethod("__contains__", (item,)))

    def __len__(self) -> int:
        return int(self._callmethod("__len__"))

    def __repr__(self) -> str:
        return str(self)

    __hash__ = object.__hash__

    if TYPE_CHECKING:

        def add(self, value: T) -> None: ...
        def discard(self, value: T) -> None: ...
        def copy(self) -> set[T]: ...
        def update(self, *others: Iterable[T]) -> None: ...
        def union(self, *others: Iterable[Any]) -> set[Any]: ...
        def intersection(self, *others: Iterable[Any]) -> set[T]: ...
        def difference(self, *others: Iterable[Any]) -> set[T]: ...
        def symmetric_difference(self, other: Iterable[Any]) -> set[Any]: ...
        def difference_update(self, *others: Iterable[Any]) -> None: ...
        def intersection_update(self, *others: Iterable[Any]) -> None: ...
        def symmetric_difference_update(self, other: Iterable[Any]) -> None: ...
        def issubset(self, other: Iterable[Any]) -> bool: ...
        def issuperset(self, other: Iterable[Any]) -> bool: ...


_shows(
    SetProxy,
    "__contains__ __len__ __iter__",
    "add clear copy difference difference_update discard intersection intersection_update isdisjoint issubset "
    "issuperset pop remove symmetric_difference symmetric_difference_update union update __eq__ "
    "__and__ __or__ __sub__ __xor__ __rand__ __ror__ __rsub__ __rxor__ __lt__ __le__ __gt__ __ge__",
    "__ior__ __iand__ __isub__ __ixor__",
)

for _kind, _abstract in (
    (DictProxy, MutableMapping),
    (ListProxy, MutableSequence),
    (DequeProxy, MutableSequence),
    (SetProxy, MutableSet),
):
    _abstract.register(_kind)
