"""Objects of the standard library that pickle refuses, or sends by a name only: caches, dispatchers, type variables.

Knows: what each is made from.
Must not know: which name is being defined (`rules`).
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

from procession.model.light import Any


def parts(value: Any) -> tuple[Any, ...] | None:
    """Take an object apart that would go by its name; None for one that is none of these."""
    if hasattr(value, "cache_parameters") and hasattr(value, "__wrapped__"):
        return cached, (value.__wrapped__, value.cache_parameters()), vars(value)
    kind = type(value)
    find = _TYPING.get(kind.__name__) if kind.__module__ == "typing" else None
    if find is None:
        return None
    return typing_object, (kind.__name__, *find(value)), value.__module__, None, None, set_module


def cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    """Make what `functools.lru_cache` makes, its cache empty."""
    return functools.lru_cache(**parameters)(function)


def _type_variable(value: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    options = {"bound": value.__bound__, "covariant": value.__covariant__, "contravariant": value.__contravariant__}
    if getattr(value, "__infer_variance__", False):
        options["infer_variance"] = True
    return (value.__name__, *getattr(value, "__constraints__", ())), {**options, **_default(value)}


def _default(value: Any) -> dict[str, Any]:
    return {"default": value.__default__} if sys.version_info >= (3, 13) and value.has_default() else {}


_TYPING: dict[str, Callable[[Any], tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "TypeVar": _type_variable,
    "ParamSpec": _type_variable,
    "TypeVarTuple": lambda value: ((value.__name__,), _default(value)),
    "NewType": lambda value: ((value.__name__, value.__supertype__), {}),
    "TypeAliasType": lambda value: ((value.__name__, value.__value__), {"type_params": value.__type_params__}),
}


def typing_object(kind: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Make a type variable, a new type or a type alias."""
    import typing

    return getattr(typing, kind)(*arguments, **options)


def set_module(value: Any, module: str) -> None:
    """Say where a type variable belongs; it took the module that made it."""
    try:
        value.__module__ = module
    except AttributeError:  # an alias finds it by itself
        pass


def is_dispatcher(value: Any) -> bool:
    """True for a function that `functools.singledispatch` made."""
    return value.__globals__ is vars(functools) and "_clear_cache" in value.__dict__


def dispatcher_parts(value: Any) -> tuple[Any, ...]:
    """Take what `functools.singledispatch` made apart: its cache holds weak references."""
    implementations = dict(value.registry)
    state = (implementations, value.__name__, value.__qualname__, value.__module__)
    return dispatcher, (implementations[object],), state, None, None, fill_dispatcher


def dispatcher(function: Callable[..., Any]) -> Any:
    """Make what `functools.singledispatch` makes."""
    return functools.singledispatch(function)


def fill_dispatcher(value: Any, state: tuple[dict[type, Callable[..., Any]], str, str, str]) -> None:
    """Register the implementations."""
    implementations, value.__name__, value.__qualname__, value.__module__ = state
    for kind, function in implementations.items():
        value.register(kind, function)


def cached_property_parts(value: Any) -> tuple[Any, ...]:
    """Take a `functools.cached_property` apart: before CPython 3.12 it holds a lock."""
    return functools.cached_property, (value.func,), {"attrname": value.attrname, "__doc__": value.__doc__}
