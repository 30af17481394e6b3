"""The table of faults: each fault in each call under each start method costs one item and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import procession
from procession import RemoteError, WorkerDied
from tests.faults import calls
from tests.faults.catalogue import AT, FAULTS, ITEMS, Fault, items, right

CELL_SECONDS = 40.0  # a whole cell takes 1 to 2 s; the rest is for a busy machine
LARGE_CELL_SECONDS = 150.0  # 13 calls with 400 MB each take 20 s
CONTEXTS = ("nursery", "fork", "forkserver", "spawn")

pytestmark = pytest.mark.limit(CELL_SECONDS)


def cells() -> list[Any]:
    """All faults; those that take long only in the storm."""
    storm = [pytest.mark.storm, pytest.mark.limit(LARGE_CELL_SECONDS)]
    return [pytest.param(fault, id=name, marks=storm if fault.large else []) for name, fault in FAULTS.items()]


def basic_cells() -> list[Any]:
    """Those that take long and yet are tried every day, in a few calls."""
    return [pytest.param(fault, id=name) for name, fault in FAULTS.items() if fault.large and not fault.storm]


@contextmanager
def meanwhile(fault: Fault) -> Iterator[None]:
    """Do beside a call what its fault asks of the caller."""
    if fault.meanwhile is None:
        yield
        return
    thread = threading.Thread(target=fault.meanwhile, name="caller's other hand")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def text_of(error: BaseException) -> str:
    """An error's text with its notes."""
    try:
        text = str(error)
    except Exception:
        text = ""
    return "\n".join([text, *getattr(error, "__notes__", ())])


def check(fault: Fault, call: calls.Call, fates: calls.Fates) -> None:
    """Check what became of the twelve items."""
    assert sorted(fates) == list(range(ITEMS))
    for index in range(ITEMS):
        if index != AT or fault.error is None:
            assert fates[index] == right(index), f"item {index}: {fates[index]!r}"
    if fault.error is not None:
        check_error(fault, fates[AT], alone=call in calls.ONE_ITEM_EACH)


def check_error(fault: Fault, error: Any, alone: bool) -> None:
    """Check the error of the item that misbehaved."""
    assert type(error) is fault.error, repr(error)[:1000]
    for name, value in fault.facts.items():
        assert getattr(error, name) == value
    text = text_of(error)
    assert fault.text in text
    if isinstance(error, RemoteError) and fault.cause:
        assert type(error.cause) is fault.cause
    if not alone:
        assert f"item {AT}" in text
    elif isinstance(error, WorkerDied):
        assert f"run({AT}, " in text


def try_calls(fault: Fault, context: str | None, each: list[calls.Call], context_of_functions: Any) -> None:
    """Misbehave once in each call of one pool; it must work on."""
    with procession.Pool(2, context=context) as pool:
        for call in each:
            with meanwhile(fault):
                fates = call(pool, items(fault), context_of_functions)
            try:
                check(fault, call, fates)
                assert pool.map(right, range(20)) == [right(index) for index in range(20)]
            except BaseException as error:
                error.add_note(f"in {call.__name__}")
                raise


@pytest.mark.usefixtures("small_main")
@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("fault", cells())
def test_fault_costs_one_item_under_every_start_method(fault: Fault, context: str) -> None:
    try_calls(fault, context, calls.BASIC, context)


@pytest.mark.usefixtures("small_main")
@pytest.mark.parametrize("fault", cells())
def test_fault_costs_one_item_in_every_call(fault: Fault) -> None:
    try_calls(fault, None, calls.ALL, "nursery")


@pytest.mark.usefixtures("small_main")
@pytest.mark.parametrize("fault", basic_cells())
def test_large_fault_costs_one_item(fault: Fault) -> None:
    try_calls(fault, None, calls.BASIC, "nursery")
