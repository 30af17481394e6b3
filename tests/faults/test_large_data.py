"""The table of faults once more, where every argument and every result holds a large array."""

from __future__ import annotations

from typing import Any

import pytest

import procession
from tests.faults.calls import fates_in_order, fates_of_map
from tests.faults.catalogue import AT, FAULTS, ITEMS, Fault, items, right, run
from tests.faults.test_table import check_error, meanwhile

numpy = pytest.importorskip("numpy")

DAILY, STORM = 1 << 20, 64 << 20  # bytes of each array
CHOSEN = {name: fault for name, fault in FAULTS.items() if not fault.large and not fault.storm}

Task = tuple[int, Any, Any]


def run_large(task: Task) -> tuple[object, Any]:
    """The task: changes its array in place, then does its work or misbehaves."""
    index, fault, array = task
    array += index
    return run(index, fault), array


def tasks(fault: Fault, size: int) -> list[Task]:
    array = numpy.ones(size // 8)
    return [(index, what, array) for index, what in items(fault)]


def check(fault: Fault, fates: dict[int, Any]) -> None:
    assert sorted(fates) == list(range(ITEMS))
    for index in range(ITEMS):
        if index != AT or fault.error is None:
            value, array = fates[index]
            assert value == right(index) and (array == 1 + index).all()
    if fault.error is not None:
        check_error(fault, fates[AT], alone=False)


def try_all(fault: Fault, size: int, context: str | None) -> None:
    preload = ["numpy"] if context == "nursery" else []  # or who clears sys.modules has lost it for good
    with procession.Pool(2, context=context, preload=preload) as pool:
        with meanwhile(fault):
            check(fault, fates_of_map(lambda: pool.map(run_large, tasks(fault, size))))
        with meanwhile(fault):
            check(fault, fates_in_order(pool.imap(run_large, iter(tasks(fault, size)))))
        assert pool.map(numpy.sum, [numpy.ones(size // 8)] * 4) == [size // 8] * 4


@pytest.mark.usefixtures("small_main")
@pytest.mark.parametrize("fault", CHOSEN.values(), ids=CHOSEN)
def test_fault_among_large_arrays_costs_one_item(fault: Fault) -> None:
    try_all(fault, DAILY, None)


@pytest.mark.storm
@pytest.mark.limit(150)
@pytest.mark.usefixtures("small_main")
@pytest.mark.parametrize("context", ["nursery", "fork"])
@pytest.mark.parametrize("fault", CHOSEN.values(), ids=CHOSEN)
def test_fault_among_very_large_arrays_costs_one_item(fault: Fault, context: str) -> None:
    try_all(fault, STORM, context)
