"""Amounts of memory: what may be written, what it means, what is refused before any work."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import procession
from procession.model.amounts import UNITS, MemoryOptions, amount

pytestmark = pytest.mark.short

GIB = 1 << 30

WRONG = [
    "abc",
    "",
    "GB",
    "-1GB",
    "1 000MB",
    "0",
    "0%",
    "101%",
    "1e9",
    "nan",
    "1__0MB",
    "2G",
    "12",
    "½GB",
    0,
    -1,
    2.5,
    [],
    "٣MB",
]


@given(number=st.integers(1, 10**6), unit=st.sampled_from(sorted(UNITS)), blank=st.sampled_from(["", " ", "\t"]))
def test_a_number_and_a_unit(number: int, unit: str, blank: str) -> None:
    for written in (unit, unit.upper(), unit.capitalize()):
        assert amount("max_rss", f" {number}{blank}{written} ").of(GIB) == number * UNITS[unit]


@given(percent=st.floats(0.001, 100), total=st.integers(1, 1 << 50))
def test_a_share_is_at_least_a_byte_and_at_most_all(percent: float, total: int) -> None:
    assert 1 <= amount("max_rss", f"{percent:.3f}%").of(total) <= total


@given(number=st.integers(1, 1 << 62))
def test_a_whole_number_is_bytes(number: int) -> None:
    assert amount("max_rss", number).of(1) == amount("max_rss", numpy.int64(number)).of(1) == number


def test_fractions() -> None:
    assert amount("max_rss", "1.5GiB").of(1) == 3 * GIB // 2
    assert amount("max_rss", "12.5%").of(800) == 100


@given(text=st.text(max_size=12))
def test_any_other_text_is_refused_and_named(text: str) -> None:
    try:
        assert amount("max_rss", text).of(GIB) >= 1
    except ValueError as error:
        assert str(error).startswith(f"max_rss={text!r}"[:80])


@pytest.mark.parametrize("name", ["max_rss", "max_rss_hard", "memory_floor"])
@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_what_is_no_amount_is_refused_before_any_work(name: str, wrong: Any) -> None:
    options: Any = {name: wrong}
    for make in (procession.Pool, procession.ProcessPoolExecutor, procession.aio.Pool):
        with pytest.raises(ValueError, match=f"{name}=.*must be bytes, or a text as '500MB', '2GiB' or '25%'"):
            make(1, **options)
    with pytest.raises(ValueError, match=f"{name}="):
        procession.map(print, ["never"], **options)


def test_a_hard_limit_below_the_soft_one_is_refused() -> None:
    options: list[Any] = [{"max_rss": "2GB", "max_rss_hard": 10**9}, {"max_rss": "20%", "max_rss_hard": "1MB"}]
    for each in options:
        with pytest.raises(ValueError, match="max_rss_hard=.* is less than max_rss="):
            procession.Pool(1, **each)
    assert MemoryOptions("1GB", "1GB", None).bounds(GIB).hard == 10**9
