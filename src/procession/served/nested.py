"""Containers inside a manager's containers, as they live in its server: each has a serial number, so can be changed
from elsewhere.

Knows: which plain types are taken in, how they are pickled: as plain values, or as what can change them.
Must not know: connections, proxies.

How it works: what is stored into a managed container is *adopted*: lists, dicts and so on at any depth become our
subclasses of them. Whoever reads one gets a copy that knows its serial number (`shared/inner.py`). A change by it names
the number and the version that was read; the answer brings the copy up to date. The numbers are known as long as the
containers live, that is, lie in something that the manager holds.
"""

from __future__ import annotations

import multiprocessing.managers as standard
import os
import threading
import weakref
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from procession.served import inner
from procession.served.line import pickler

_here = os.urandom(6).hex()  # another manager's numbers are not ours
_numbers = count()
_living: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
_lock = threading.RLock()  # one change at a time; what is stored may compare itself by asking this server


class _Adopted:
    """What all of them have beside their contents."""

    serial: str
    version: int

    def adopted(self) -> Any:
        """Give it a number and return it."""
        self.serial = f"{_here}.{next(_numbers)}"
        self.version = 0
        _living[self.serial] = self
        return self


class List(_Adopted, list[Any]):
    """A list."""


class Dict(_Adopted, dict[Any, Any]):
    """A dict."""


class Set(_Adopted, set[Any]):
    """A set."""

    def __repr__(self) -> str:
        return repr(set(self))


class Counts(_Adopted, Counter[Any]):
    """A Counter."""

    def __repr__(self) -> str:
        return repr(Counter(self))


class Defaults(_Adopted, defaultdict[Any, Any]):
    """A defaultdict."""

    def __repr__(self) -> str:
        return repr(defaultdict(self.default_factory, self))


class Deque(_Adopted, deque[Any]):
    """A deque."""

    def __repr__(self) -> str:
        return repr(deque(self, self.maxlen))


class DefaultDict(defaultdict[Any, Any]):
    """A managed defaultdict itself: it adopts what its factory makes."""

    def __missing__(self, key: Any) -> Any:
        if self.default_factory is None:
            raise KeyError(key)
        made = self[key] = adopt(self.default_factory())
        return made

    def __repr__(self) -> str:
        return repr(defaultdict(self.default_factory, self))


Memo = dict[int, Any]
CONTAINERS = frozenset({List, Dict, Set, Counts, Defaults, Deque})
_TAKEN_IN = frozenset({list, dict, set, Counter, defaultdict, deque})
_LOOKED_INTO = _TAKEN_IN | {tuple}
# The managed objects that adopt what is stored into them, and the method whose arguments are those of what makes them.
ROOTS = frozenset({list, dict, DefaultDict, deque, standard.Namespace, standard.Value})  # type: ignore[attr-defined]
MAKERS: dict[Any, str] = {
    **dict.fromkeys((list, dict, DefaultDict, deque, standard.Namespace), "__init__"),
    standard.Value: "set",  # type: ignore[attr-defined]
}


def adopt(value: Any, memo: Memo | None = None) -> Any:
    """Return what is to be stored in place of a value: the same, or ours.

    Args:
        memo: What was adopted before, by its id: containers may hold each other.
    """
    kind = type(value)
    if kind not in _LOOKED_INTO:
        return value
    memo = {} if memo is None else memo
    if id(value) in memo:
        return memo[id(value)]
    if kind is tuple:
        return value if _LOOKED_INTO.isdisjoint(map(type, value)) else tuple(adopt(each, memo) for each in value)
    made = memo[id(value)] = _EMPTY[kind](value).adopted()
    if kind is list or kind is deque:
        made.extend(_each(value, memo))
    elif kind is set:
        made |= value
    else:
        dict.update(made, zip(value, _each(value.values(), memo), strict=True))
    return made


_EMPTY: dict[type, Callable[[Any], Any]] = {
    list: lambda value: List(),
    dict: lambda value: Dict(),
    set: lambda value: Set(),
    Counter: lambda value: Counts(),
    defaultdict: lambda value: Defaults(value.default_factory),
    deque: lambda value: Deque(maxlen=value.maxlen),
}


def _each(values: Iterable[Any], memo: Memo) -> Iterable[Any]:
    values = list(values)
    return values if _LOOKED_INTO.isdisjoint(map(type, values)) else [adopt(each, memo) for each in values]


# What methods of a managed container do with their arguments.
_STORING = frozenset({"__setitem__", "append", "insert", "setdefault", "appendleft", "__setattr__", "set", "#restore"})
_SPREADING = frozenset({"update", "extend", "extendleft", "__iadd__", "__ior__", "__init__"})


def arguments(method: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Adopt what a method will store."""
    if method in _STORING:
        return (args if _LOOKED_INTO.isdisjoint(map(type, args)) else tuple(adopt(each) for each in args)), kwds
    if method not in _SPREADING:
        return args, kwds
    memo: Memo = {}
    return tuple(_spread(each, memo) for each in args), {name: adopt(kwds[name], memo) for name in kwds}


def _spread(value: Any, memo: Memo) -> Any:
    """Adopt what lies in an argument that is spread itself."""
    if isinstance(value, dict):
        if _LOOKED_INTO.isdisjoint(map(type, value.values())):
            return value
        return {key: adopt(each, memo) for key, each in value.items()}
    if type(value) in (list, tuple, deque):
        return _each(value, memo)
    return value


def holds_containers(value: Any) -> bool:
    """True for a container of ours, and for a tuple or a list that has one in it."""
    kind = type(value)
    if kind in CONTAINERS:
        return True
    return (kind is tuple or kind is list) and any(map(holds_containers, value))


# How they travel.

PLAIN = pickler(
    {
        List: lambda value: (list, (), None, iter(list(value))),
        Dict: lambda value: (dict, (), None, None, iter(list(value.items()))),
        Set: lambda value: (set, (list(value),)),
        Counts: lambda value: (Counter, (dict(value),)),
        Defaults: lambda value: (defaultdict, (value.default_factory,), None, None, iter(list(value.items()))),
        Deque: lambda value: (deque, ((), value.maxlen), None, iter(list(value))),
        DefaultDict: lambda value: (defaultdict, (value.default_factory,), None, None, iter(list(value.items()))),
    }
)


def _as_inner(kind: str, contents: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda value: (inner.rebuild, (kind, value.serial, value.version, *contents(value)))


MANAGED = pickler(
    {
        List: _as_inner("list", lambda value: (list(value),)),
        Dict: _as_inner("dict", lambda value: (dict(value),)),
        Set: _as_inner("set", lambda value: (list(value),)),
        Counts: _as_inner("Counter", lambda value: (dict(value),)),
        Defaults: _as_inner("defaultdict", lambda value: (value.default_factory, dict(value))),
        Deque: _as_inner("deque", lambda value: (list(value), value.maxlen)),
    }
)


# How they are changed.


def find(serial: str) -> Any:
    """The container of a number, or None if it is gone."""
    return _living.get(serial)


def change(serial: str, version: int, method: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> Any:
    """Change a container.

    Args:
        serial: Its number.
        version: That of the copy by which it is changed.

    Returns:
        None: It is gone. Else its version, the method's result, and what brings the copy up to date: the arguments as
        they were stored if it needs only the same change, else all contents.

    Raises:
        AttributeError: That is not a method that changes it.
    """
    container = _living.get(serial)
    if container is None:
        return None
    plain = type(container).__mro__[2]
    if method not in inner.CHANGES[plain]:
        raise AttributeError(f"{method!r} does not change a {plain.__name__}")
    result: Any = None
    with _lock:
        fresh = container.version == version
        if method != "#order":
            args, kwds = arguments(method, args, kwds)
            result = _do(container, method, args, kwds)
        elif fresh:
            container[:] = [container[index] for index in args[0]]
            result = True
        container.version += fresh or method != "#order"
        same, contents = ((args, kwds), None) if fresh else (None, container)
        return container.version, None if result is container else result, same, contents


def _do(container: Any, method: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> Any:
    if method != "__missing__":
        return getattr(container, method)(*args, **kwds)
    if args[0] not in container:  # else somebody was faster
        container[args[0]] = adopt(container.default_factory())
    return container[args[0]]
