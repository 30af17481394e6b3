"""Which globals a function uses: exactly those that its bytecode reads, binds or deletes."""

from __future__ import annotations

import dis
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.wire.references import global_names, names_reached

NAMES = ["a", "b", "c", "d", "e"]


def compiled(text: str) -> CodeType:
    space: dict[str, Any] = {}
    exec(text, space)
    code: CodeType = space["f"].__code__
    return code


@pytest.mark.short
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("def f(x): return g(x) + x.attribute", {"g"}),
        ("def f(): return [g(i) for i in h]", {"g", "h"}),
        ("def f():\n    def inner(): return g\n    return inner", {"g"}),
        ("def f():\n    class A(base):\n        x = y\n        def m(self): return z", {"base", "y", "z"}),
        ("def f():\n    global n\n    n += 1", {"n"}),
        ("def f():\n    global n\n    n = 1", {"n"}),
        ("def f():\n    global n\n    del n", {"n"}),
        ("def f(): return lambda x=g: (yield h)", {"g", "h"}),
        ("def f(a, *b, c=1, **d): a, b, c, d", set()),
        ("def f():\n    import os.path as p\n    return p.join", set()),
        ("def f(): return __name__, __builtins__, __file__", {"__file__"}),
        ("async def f():\n    async with g() as x:\n        return [y async for y in h(x)]", {"g", "h"}),
        ("def f():\n    try: pass\n    except g as e: raise h from e", {"g", "h"}),
        ("def f():\n    x: g = 1", set()),
        ("def f(): return f'{g!r:>{h}}'", {"g", "h"}),
    ],
)
def test_names_of_a_function(text: str, names: set[str]) -> None:
    assert global_names(compiled(text)) == names


def test_many_names_and_extended_arguments() -> None:
    names = [f"name_{number}" for number in range(1000)]
    assert global_names(compiled("def f(): return [" + ", ".join(names) + "]")) == set(names)


expressions = st.recursive(
    st.sampled_from(NAMES),  # no constants: what the compiler leaves out has no bytecode
    lambda inner: st.one_of(
        st.builds("({}).{}".format, inner, st.sampled_from(NAMES)),
        st.builds("({})({})".format, inner, inner),
        st.builds("(lambda {}: {})".format, st.sampled_from(NAMES), inner),
        st.builds("[{} for {} in {}]".format, inner, st.sampled_from(NAMES), inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
    ),
    max_leaves=12,
)


def named_by_dis(code: CodeType) -> set[str]:
    operations = {"LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}
    own = {each.argval for each in dis.get_instructions(code) if each.opname in operations}
    return own.union(*(named_by_dis(each) for each in code.co_consts if isinstance(each, CodeType)))


@given(expressions, st.lists(st.sampled_from(NAMES), unique=True))
def test_names_are_those_that_the_disassembler_shows(expression: str, parameters: list[str]) -> None:
    # not those of `symtable`: it takes a name that an inlined comprehension binds for local everywhere
    code = compiled(f"def f({', '.join(parameters)}): return {expression}")
    assert global_names(code) == named_by_dis(code)


def test_names_inside_a_value_that_stays_where_it_is() -> None:
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(
        "import functools\n"
        "def plain(): return a\n"
        "class A:\n    def m(self): return b\n"
        "def wrap(f):\n    @functools.wraps(f)\n    def w(): return f()\n    return w\n"
        "wrapped = functools.lru_cache(wrap(lambda: c))\n"
        "value = {'x': [functools.partial(plain)], 'y': A(), 'z': (wrapped,)}\n"
        "value['self'] = value\n",
        space,
    )
    assert names_reached(space["value"], space) == {"a": "plain", "b": "A.m", "c": "<lambda>"}


def test_looking_inside_a_big_value_ends() -> None:
    function: Callable[[], None] = FunctionType(compiled("def f(): return a"), {})
    assert names_reached([[number, str(number)] for number in range(100_000)] + [[function]], {}) == {}
