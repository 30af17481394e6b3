"""A class taken apart and put together again without running its body, its metaclass or its parents' hooks.

Knows: what a class keeps in its dict, and which of it must be there at its birth.
Must not know: which classes go by name (`rules`).

A class that travels by value keeps a token, so that it becomes the same class each time, also on the way back.
"""

from __future__ import annotations

import abc
import os
import sys
from types import BuiltinFunctionType, GetSetDescriptorType, MemberDescriptorType
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from procession.model.light import Any

AT_BIRTH = ("__module__", "__qualname__", "__slots__", "__orig_bases__", "__firstlineno__", "__static_attributes__")
LEFT_OUT = frozenset({"__dict__", "__weakref__", "_abc_impl", "__annotate_func__", "__annotations_cache__"})

_tokens: WeakKeyDictionary[type, bytes] = WeakKeyDictionary()
_by_token: WeakValueDictionary[bytes, type] = WeakValueDictionary()
_complete: WeakSet[type] = WeakSet()


def parts(kind: type) -> tuple[Any, ...]:
    """Take a class apart: what makes it, its arguments, what fills it."""
    token = _tokens.get(kind)
    if token is None:
        token = _tokens[kind] = os.urandom(16)
        _by_token[token] = kind
        _complete.add(kind)
    own = dict(vars(kind))
    birth = {name: own.pop(name) for name in AT_BIRTH if name in own}
    birth["__qualname__"] = kind.__qualname__
    if not isinstance(birth.get("__slots__", ()), (str, tuple, list, dict)):  # an iterator, empty by now
        birth["__slots__"] = tuple(name for name, each in own.items() if isinstance(each, MemberDescriptorType))
    attributes = {name: each for name, each in own.items() if name not in LEFT_OUT and not _is_layout(kind, each)}
    if "__annotate_func__" in own:  # CPython 3.14 evaluates annotations on demand; it cannot be taken apart
        attributes["__annotations__"] = _annotations(kind)
    made = (token, type(kind), kind.__name__, kind.__bases__, birth)
    return new_class, made, (attributes, _registered(kind)), None, None, fill_class


def _annotations(kind: type) -> dict[str, Any]:
    try:
        return dict(kind.__annotations__)
    except NameError:
        return {}


def _is_layout(kind: type, value: object) -> bool:
    """True for what the interpreter makes from `__slots__` by itself."""
    return isinstance(value, (MemberDescriptorType, GetSetDescriptorType)) and value.__objclass__ is kind


def _registered(kind: type) -> tuple[type, ...]:
    if not isinstance(kind, abc.ABCMeta):
        return ()
    # `abc` has no public way to list what was registered
    found = getattr(abc, "_get_dump")(kind)[0]  # noqa: B009
    return tuple(each for each in (reference() for reference in found) if each is not None)


def new_class(token: bytes, metaclass: type, name: str, bases: tuple[type, ...], birth: dict[str, Any]) -> type:
    """Make the class that a token stands for, or give the one that was made before."""
    known = _by_token.get(token)
    if known is not None:
        return known
    hooked = any("__init_subclass__" in vars(each) for base in bases for each in base.__mro__[:-1])
    make = _made if not hooked else _made_below if metaclass is type else _made_apart
    made = make(metaclass, name, bases, birth)
    _by_token[token] = made
    _tokens[made] = token
    return made


def _made(metaclass: type, name: str, bases: tuple[type, ...], birth: dict[str, Any]) -> type:
    """Make a bare class by the first `__new__` that is not Python's: a metaclass's own has done its work already."""
    for each in metaclass.__mro__:
        if each is abc.ABCMeta or isinstance(vars(each).get("__new__"), BuiltinFunctionType):
            break
    made: type = each.__new__(metaclass, name, bases, birth)
    return made


class _Shield:
    """Keeps the `__init_subclass__` of what comes after it from running a second time."""

    def __init_subclass__(cls) -> None:
        pass


def _made_apart(metaclass: type, name: str, bases: tuple[type, ...], birth: dict[str, Any]) -> type:
    """Make a bare class with a shield before its bases, in the one place where a metaclass can put it."""

    class Quiet(metaclass):  # type: ignore[misc]
        def mro(cls) -> list[type]:
            first, *others = super().mro()
            return [first, _Shield, *others]

    made = _made(Quiet, name, bases, birth)
    type.__setattr__(made, "__class__", metaclass)
    type.__setattr__(made, "__bases__", bases)  # computes the order anew, without the shield
    return made


def _made_below(metaclass: type, name: str, bases: tuple[type, ...], birth: dict[str, Any]) -> type:
    """Make a bare class whose first base holds the shield meanwhile: `__class__` cannot be set back to `type`."""
    first = bases[0]
    own = vars(first).get("__init_subclass__")
    try:
        type.__setattr__(first, "__init_subclass__", vars(_Shield)["__init_subclass__"])
    except TypeError:  # one of C, such as typing.Generic: its hook does no harm
        return _made(metaclass, name, bases, birth)
    try:
        return _made(metaclass, name, bases, birth)
    finally:
        if own is None:
            type.__delattr__(first, "__init_subclass__")
        else:
            type.__setattr__(first, "__init_subclass__", own)


def fill_class(kind: type, state: tuple[dict[str, Any], tuple[type, ...]]) -> None:
    """Give a new class its attributes, past any hook; one that was there before keeps its own."""
    if kind in _complete:
        return
    _complete.add(kind)
    attributes, registered = state
    for name, value in attributes.items():
        type.__setattr__(kind, name, value)
    for each in registered:
        kind.register(each)  # type: ignore[attr-defined]


def is_member(value: object) -> bool:
    """True for a member of an enum."""
    enum = sys.modules.get("enum")
    return enum is not None and isinstance(value, enum.Enum)


def member_parts(value: Any) -> tuple[Any, ...]:
    """Take a member of an enum apart whose class travels by value: the class cannot look it up yet."""
    kind = type(value)
    plain = kind._member_type_
    arguments: tuple[Any, ...] = ()
    if hasattr(plain, "__getnewargs__"):
        arguments = plain.__getnewargs__(value)
    elif plain.__reduce__ is not object.__reduce__:
        arguments = plain.__reduce__(value)[1]
    return member, (kind, plain, arguments, value.value), dict(vars(value)), None, None, fill_member


def member(kind: Any, plain: type, arguments: tuple[Any, ...], value: object) -> Any:
    """Make a bare member of an enum, or give the one that is there."""
    return kind(value) if kind in _complete and "_value2member_map_" in vars(kind) else plain.__new__(kind, *arguments)


def fill_member(value: Any, state: dict[str, Any]) -> None:
    """Give a new member its name, value and attributes."""
    if "_value_" not in vars(value):
        vars(value).update(state)
