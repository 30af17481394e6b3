"""Large results of processes: at the memory that the process has written them to."""

from __future__ import annotations

import gc
import os
from typing import Any

import pytest

import procession

numpy = pytest.importorskip("numpy")


def make(size: int) -> Any:
    fixed = numpy.arange(size)
    fixed.flags.writeable = False
    return {"array": numpy.full(size, 2.5), "fixed": fixed, "text": "t" * size, "small": numpy.ones(3)}


def many(count: int) -> Any:
    return [numpy.full(1 << 15, number) for number in range(count)]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver", "nursery"])
def test_a_large_result_is_right_and_writable(method: str) -> None:
    process = procession.get_context(method).Process(target=make, args=(300_000,))
    process.start()
    result = process.result(60)
    process.join()
    process.close()
    kept = result["array"][::2]
    assert not result["fixed"].flags.writeable and result["fixed"][-1] == 299_999
    assert result["text"] == "t" * 300_000 and result["small"].sum() == 3
    del result, process
    gc.collect()
    assert (kept == 2.5).all()
    kept += 1
    assert (kept == 3.5).all()


def test_a_result_of_many_large_parts() -> None:
    process = procession.Process(target=many, args=(500,))
    process.start()
    result = process.result(60)
    process.join()
    assert [int(each[-1]) for each in result] == list(range(500))


def test_results_that_are_kept_hold_no_descriptors() -> None:
    kept = []
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        process = procession.Process(target=numpy.ones, args=(1 << 16,))
        process.start()
        kept.append(process.result(60))
        process.join()
        process.close()
    assert len(os.listdir("/proc/self/fd")) <= before + 1
    assert all(each.sum() == 1 << 16 for each in kept)
