"""A value in a message: its `repr`, cut, at a cost that does not depend on its size."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.model.errors import shorten, shorten_text

values = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(), st.binary(), st.floats()),
    lambda inner: st.one_of(
        st.lists(inner), st.tuples(inner), st.tuples(inner, inner), st.dictionaries(st.text(), inner),
        st.sets(st.text()),
        st.frozensets(st.integers()), st.builds(bytearray, st.binary()),
    ),
)  # fmt: skip


@pytest.mark.short
@given(values, st.integers(20, 120))
def test_shortened_value_is_the_begin_of_its_repr(value: Any, limit: int) -> None:
    whole, text = repr(value), shorten(value, limit)
    assert len(text) <= limit
    if len(whole) <= limit:
        assert text == whole
    elif "\\'" not in whole and '"' not in whole:  # which quote a text gets depends on all of it
        assert text == shorten_text(whole, limit)


@pytest.mark.parametrize(
    "value",
    [
        list(range(3_000_000)),
        bytes(50_000_000),
        "é" * 20_000_000,
        ("name", bytes(50_000_000)),
        {"a": {"b": [b"x" * 10**8]}},
    ],
    ids=["list", "bytes", "text", "pair", "nested"],
)
def test_long_value_costs_nothing(value: Any) -> None:
    begun = time.process_time()
    for _ in range(50):
        assert len(shorten(value)) == 80
    assert time.process_time() - begun < 0.5


def test_repr_that_raises_is_told() -> None:
    class Silent:
        def __repr__(self) -> str:
            raise ValueError

    assert shorten(Silent()) == "<Silent whose repr raises ValueError>"
    assert shorten([1, Silent()]) == "<list whose repr raises ValueError>"
