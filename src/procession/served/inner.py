"""A list, dict, set, Counter, defaultdict or deque that was read out of a managed container: change it, and all see it.

Knows: which methods change each type; that the proxy it was read by asks the server.
Must not know: connections, the server's side (`shared/nested.py`).

How it works: each is a real list (dict, ...) with a copy of what was there when it was read, so `isinstance`, `json`,
`==` and numpy see what they expect. A method that changes it is done by the server first, to the one that all have, and
then here; where others have changed that one meanwhile, the copy becomes what is there now. Once the server does not
hold it any more, because it was replaced or taken out, or because the manager has ended, it is one's own, as in a
single process. A pickle of it is a plain copy.
"""

from __future__ import annotations

import copy
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any

from procession.model.errors import ManagerGone

_DICT = "clear pop popitem setdefault update __setitem__ __delitem__ __ior__"
CHANGES: dict[type, frozenset[str]] = {
    list: frozenset(
        "append clear extend insert pop remove reverse sort __setitem__ __delitem__ __iadd__ __imul__ #order".split()
    ),
    dict: frozenset(_DICT.split()),
    set: frozenset(
        "add clear discard pop remove update difference_update intersection_update symmetric_difference_update "
        "__ior__ __iand__ __isub__ __ixor__".split()
    ),
    Counter: frozenset(f"{_DICT} subtract __iadd__ __isub__ __iand__".split()),
    defaultdict: frozenset(f"{_DICT} __missing__".split()),
    deque: frozenset(
        "append appendleft clear extend extendleft insert pop popleft remove reverse rotate __setitem__ __delitem__ "
        "__iadd__ __imul__".split()
    ),
}
Ask = Callable[..., Any]
_SOLID = frozenset({list, tuple, dict, set, frozenset, str, bytes, range, int, float, type(None), bool})
_rebuilding = threading.local()  # `.ask`: the proxy whose answer is being rebuilt


def solid(value: Any) -> Any:
    """Make a list of an iterator, which cannot travel."""
    return list(value) if type(value) not in _SOLID and hasattr(value, "__next__") else value


class Inner:
    """What all of them have beside their contents."""

    _ask: Ask | None = None  # None: it is one's own
    _serial = ""
    _version = 0

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _CONTENTS[type(self)](self)

    def __copy__(self) -> Any:
        kind, arguments = _CONTENTS[type(self)](self)
        return kind(*arguments)

    def copy(self) -> Any:
        """A plain copy."""
        return self.__copy__()

    def __deepcopy__(self, memo: Any) -> Any:
        return copy.deepcopy(self.__copy__(), memo)

    def __repr__(self) -> str:
        return repr(self.__copy__())


class InnerList(Inner, list[Any]):
    """A list of a managed container."""

    def sort(self, *, key: Callable[[Any], Any] | None = None, reverse: bool = False) -> None:
        """Sort it. A key function is called here."""
        if key is None:
            _change(self, list.sort, "sort", (), {"reverse": reverse})
            return
        while True:
            order = sorted(range(len(self)), key=lambda index: key(self[index]), reverse=reverse)
            if _change(self, _put_in_order, "#order", (order,), {}):  # nobody has changed it meanwhile
                return


def _put_in_order(items: list[Any], order: list[int]) -> bool:
    list.__setitem__(items, slice(None), [items[index] for index in order])
    return True


class InnerDict(Inner, dict[Any, Any]):
    """A dict of a managed container."""


class InnerSet(Inner, set[Any]):
    """A set of a managed container."""


class InnerCounter(Inner, Counter[Any]):
    """A Counter of a managed container."""


class InnerDefaultDict(Inner, defaultdict[Any, Any]):
    """A defaultdict of a managed container."""


class InnerDeque(Inner, deque[Any]):
    """A deque of a managed container."""


_CONTENTS: dict[type, Callable[[Any], tuple[Any, tuple[Any, ...]]]] = {
    InnerList: lambda inner: (list, (list(inner),)),
    InnerDict: lambda inner: (dict, (dict(inner),)),
    InnerSet: lambda inner: (set, (list(inner),)),
    InnerCounter: lambda inner: (Counter, (dict(inner),)),
    InnerDefaultDict: lambda inner: (defaultdict, (inner.default_factory, dict(inner))),
    InnerDeque: lambda inner: (deque, (list(inner), inner.maxlen)),
}
_KINDS: dict[str, type[Any]] = {kind.__mro__[2].__name__: kind for kind in _CONTENTS}


def rebuild(kind: str, serial: str, version: int, *contents: Any) -> Any:
    """Make the copy that somebody has read."""
    made = _KINDS[kind](*contents)
    made._serial, made._version = serial, version
    made._ask = getattr(_rebuilding, "ask", None)
    return made


def rebuilt_for(ask: Ask, loads: Callable[[Any], Any], data: Any) -> Any:
    """Load an answer in which there are such containers.

    Args:
        ask: What they ask the server by.
    """
    before, _rebuilding.ask = getattr(_rebuilding, "ask", None), ask
    try:
        return loads(data)
    finally:
        _rebuilding.ask = before


def own(value: Any) -> str | None:
    """The number of a container that lies in a manager, of any other value None."""
    return value._serial if isinstance(value, Inner) and value._ask is not None else None


# Changes.


def _change(self: Any, plainly: Callable[..., Any], method: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> Any:
    args = tuple(map(solid, args))
    answer = None
    if self._ask is not None:
        if method == "__setitem__" and _is_there_already(self, *args):
            return None
        try:
            answer = self._ask("#change", (self._serial, self._version, method, args, kwds))
        except ManagerGone:
            pass
    if answer is None:
        self._ask = None
        return plainly(self, *args, **kwds)
    self._version, result, same, contents = answer
    if same is None:
        _replace(self, contents)
    else:
        result = _repeat(self, plainly, method, same, result)
    if method in ("setdefault", "__missing__"):
        return dict.__getitem__(self, args[0])
    return self if method.startswith("__i") else result


def _is_there_already(self: Any, key: Any, value: Any) -> bool:
    """True where an inner container is put back into its place, as `outer[key] += ...` does."""
    if own(value) is None or isinstance(key, slice):
        return False
    try:
        return bool(super(type(self), self).__getitem__(key) is value)
    except LookupError:
        return False


def _repeat(self: Any, plainly: Callable[..., Any], method: str, same: Any, result: Any) -> Any:
    """Do here what was done there, to a copy that was up to date."""
    args, kwds = same
    if isinstance(self, Counter):  # whose methods are Python code and call others
        plain: Any = Counter(dict(self))
        getattr(plain, method)(*args, **kwds)
        _replace(self, plain)
    elif method == "__missing__":
        dict.__setitem__(self, args[0], result)
    elif method == "pop" and isinstance(self, set):  # any one, but the same
        set.discard(self, result)
    else:
        here = plainly(self, *args, **kwds)
        return here if here is not self else None
    return result


def _replace(self: Any, contents: Any) -> None:
    """Let the copy be another one's."""
    if isinstance(self, list):
        list.__setitem__(self, slice(None), contents)
    elif isinstance(self, dict):
        dict.clear(self)
        dict.update(self, contents)
    elif isinstance(self, set):
        set.clear(self)
        set.update(self, contents)
    else:
        deque.clear(self)
        deque.extend(self, contents)


def _changing(base: Any, name: str) -> Callable[..., Any]:
    plainly = getattr(base, name)

    def method(self: Any, /, *args: Any, **kwds: Any) -> Any:
        return _change(self, plainly, name, args, kwds)

    method.__name__ = name
    method.__doc__ = plainly.__doc__
    return method


for _kind in _CONTENTS:
    for _name in CHANGES[_kind.__mro__[2]]:
        if _name not in _kind.__dict__ and _name != "#order":
            setattr(_kind, _name, _changing(_kind.__mro__[2], _name))
