"""Whether a function is still the one that it was: its name and a digest of its source.

Knows: functions, partials, classes; the functions of the same module that they use.
Must not know: journals.

What is seen: the function's own text and the texts of the functions and classes of its module that it names, directly
or through each other; what it holds itself: arguments that a `functools.partial` has bound, the object of a method, an
object that is called, the variables of a closure, defaults. What is not: other modules, global data, versions of
libraries.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from types import CodeType, FunctionType, ModuleType
from typing import Any

from procession.runs.errors import KeyNotPossible
from procession.runs.keys import make_key

_DIGEST = 8  # bytes: two versions of one function are told apart


def name_of(function: Callable[..., Any]) -> str:
    """Give the qualified name of a function; that of a script begins with the script's name, not with `__main__`.

    Args:
        function: Any callable.
    """
    inner = _innermost(function)
    named = inner if hasattr(inner, "__qualname__") else type(inner)
    module = getattr(named, "__module__", None) or ""
    if module in ("__main__", "__mp_main__"):
        file = getattr(sys.modules.get("__main__"), "__file__", None)
        module = os.path.splitext(os.path.basename(file))[0] if file else "__main__"
    return f"{module}.{named.__qualname__}"


def source_of(function: Callable[..., Any], bound: Mapping[str, Any] | None = None) -> str:
    """Give a digest that changes with the function's source.

    Args:
        function: Any callable.
        bound: Keyword arguments that every call gets.
    """
    digest = blake2b(digest_size=_DIGEST)
    for part in _parts(function, dict(bound or {})):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.hexdigest()


def _innermost(function: Any) -> Any:
    """Look through partials, decorators that say what they wrap, and bound methods."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        elif hasattr(function, "__func__"):
            function = function.__func__
        else:
            return function


def _parts(function: Any, bound: dict[str, Any]) -> Iterator[bytes]:
    while isinstance(function, functools.partial):
        yield _digest_of((function.args, function.keywords))
        function = function.func
    if bound:
        yield _digest_of(bound)
    yield from _held(function)
    inner = _innermost(function)
    if not isinstance(inner, (FunctionType, type)) and not hasattr(inner, "__qualname__"):
        inner = type(inner)
    todo, seen = [inner], {id(inner)}
    while todo:
        each = todo.pop(0)
        yield _text_of(each)
        for other in _neighbours(each):
            if id(other) not in seen:
                seen.add(id(other))
                todo.append(other)


def _held(function: Any) -> Iterator[bytes]:
    """Give what a function holds beside its text, through decorators and methods."""
    while True:
        owner = getattr(function, "__self__", None)
        if isinstance(function, FunctionType):
            yield from _of_function(function)
        elif owner is None and not hasattr(function, "__qualname__"):
            yield from _of_object(function)
        if owner is not None and not isinstance(owner, (type, ModuleType)):
            yield from _of_object(owner)
        inner = getattr(function, "__wrapped__", None) or getattr(function, "__func__", None)
        if inner is None:
            return
        function = inner


def _of_function(function: FunctionType) -> Iterator[bytes]:
    defaults = (function.__defaults__, function.__kwdefaults__)
    if any(defaults):
        yield _digest_of(defaults)
    for cell in function.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:
            continue  # it has no value yet
        yield _text_of(value) if isinstance(value, (FunctionType, type)) else _digest_of(value)


def _of_object(value: Any) -> Iterator[bytes]:
    """Give its attributes one by one, since some may be locks or connections."""
    held = getattr(value, "__dict__", None)
    if held is None:
        yield _digest_of(value)
        return
    for name in sorted(held):
        yield name.encode("utf-8", "surrogatepass")
        yield _digest_of(held[name])


def _digest_of(values: Any) -> bytes:
    try:
        return make_key()(values)
    except KeyNotPossible:
        return b"?"  # a lock, a connection: nothing that can be compared


def _text_of(value: Any) -> bytes:
    import inspect

    try:
        return inspect.getsource(value).encode()
    except (OSError, TypeError):  # made by exec, typed at a prompt, or in C
        code = getattr(value, "__code__", None)
        return _text_of_code(code) if code is not None else repr(name_of(value)).encode()


def _text_of_code(code: CodeType) -> bytes:
    parts = [code.co_code, repr(code.co_names).encode()]
    parts += [_text_of_code(each) if isinstance(each, CodeType) else _digest_of(each) for each in code.co_consts]
    return b"".join(parts)


def _neighbours(value: Any) -> Iterator[Any]:
    """Give the functions and classes of the same module that a function or a class names, in the order of names."""
    functions = [value] if isinstance(value, FunctionType) else []
    if isinstance(value, type):
        functions = [each for each in vars(value).values() if isinstance(each, FunctionType)]
    for function in functions:
        for name in sorted(_names(function.__code__)):
            other = function.__globals__.get(name)
            if isinstance(other, (FunctionType, type)) and other.__module__ == function.__module__:
                yield other


def _names(code: CodeType) -> set[str]:
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return set(code.co_names).union(*map(_names, inner))
