"""Arrays and objects in shared memory, in every process that they travel to."""

from __future__ import annotations

import gc
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import procession
from procession import SharedMemoryGone, share
from tests.helpers.scripts import Finished

numpy = pytest.importorskip("numpy")
SharedArray = procession.SharedArray


def fill(values: Any, index: int) -> None:
    values[index] = index + 1


def fill_one(task: tuple[Any, int]) -> None:
    fill(*task)


def add_up(handle: Any, number: int) -> float:
    return float(handle.value[0].sum()) + number


def writable(handle: Any) -> bool:
    return bool(handle.value.flags.writeable)


def test_all_workers_write_to_one_array(start_method: str | None) -> None:
    values = SharedArray(100, "i8")
    with procession.Pool(2, context=start_method) as pool:
        pool.map(fill_one, [(values, index) for index in range(100)])
        assert (values == numpy.arange(1, 101)).all()
        values[:] = 0
        assert pool.apply(lambda: int(values.sum())) == 0  # as part of a closure
    process = procession.Process(target=fill, args=(values, 7))
    process.start()
    process.join()
    assert values[7] == 8


def test_a_view_travels_as_the_view_that_it_is() -> None:
    values = SharedArray((4, 6))
    with procession.Pool(1) as pool:
        pool.apply(fill, (values[1:, ::-2].T, 0))
    expected = numpy.zeros((4, 6))
    expected[1:, 5] = 1
    assert numpy.array_equal(values, expected)
    assert len(pickle.dumps(values)) < 1000


def test_what_is_computed_from_one_is_a_plain_array() -> None:
    values = SharedArray(4)
    values += 1
    assert isinstance(values, SharedArray) and (values == 1).all()
    assert type(values + 1) is numpy.ndarray and values.sum() == 4.0
    copied = pickle.loads(pickle.dumps(values.copy()))
    copied[:] = 9
    assert (values == 1).all()


def test_shapes_and_kinds() -> None:
    assert SharedArray((2, 3), "f4").shape == (2, 3)
    assert SharedArray((), "i2").shape == ()
    assert SharedArray(0).shape == (0,)
    assert SharedArray(3, [("a", "i4"), ("b", "f8")]).dtype.names == ("a", "b")
    with pytest.raises(ValueError, match="objects of Python"):
        SharedArray(3, object)


def test_a_file_is_an_array(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    values = SharedArray.from_file(path, "i4", shape=(10,), mode="w+")
    with procession.Pool(2) as pool:
        pool.map(fill_one, [(values, index) for index in range(10)])
    assert (values == numpy.arange(1, 11)).all()
    values.flush() if hasattr(values, "flush") else None
    del values
    gc.collect()
    again = SharedArray.from_file(path, "i4", mode="r")
    assert again.shape == (10,) and again[9] == 10 and not again.flags.writeable
    with pytest.raises(FileNotFoundError):
        SharedArray.from_file(tmp_path / "none")


def test_a_shared_object_is_seen_by_all_workers_of_all_pools(start_method: str | None) -> None:
    table = numpy.arange(50_000.0)
    handle = share((table, "name"))
    assert len(pickle.dumps(handle)) < 1000 and handle.nbytes >= table.nbytes
    with procession.Pool(2, context=start_method) as one, procession.Pool(1) as other:
        for pool in (one, other):
            assert pool.starmap(add_up, [(handle, n) for n in range(4)]) == [table.sum() + n for n in range(4)]
    assert handle.value[1] == "name"


def test_a_shared_object_is_read_only_everywhere() -> None:
    handle = share(numpy.ones(1000))
    assert not handle.value.flags.writeable
    with procession.Pool(1) as pool:
        assert pool.apply(writable, (handle,)) is False
    with pytest.raises(ValueError, match="read-only"):
        handle.value[0] = 2.0


def test_memory_is_gone_with_the_last_handle() -> None:
    handle = share(numpy.ones(100_000))
    packed = pickle.dumps(handle)
    assert pickle.loads(packed).value.sum() == 100_000
    kept = handle.value
    del handle
    gc.collect()
    assert kept.sum() == 100_000  # what looks at it keeps it
    del kept
    gc.collect()
    with pytest.raises(SharedMemoryGone, match=f"800.* bytes is gone from process {os.getpid()}"):
        pickle.loads(packed).value  # noqa: B018


def test_a_result_may_be_a_handle() -> None:
    with procession.Pool(1) as pool:
        handle = pool.apply(make_handle)
        assert handle.value.sum() == 3000.0


def make_handle(kept: list[Any] = []) -> Any:  # noqa: B006  # the worker has it until the parent has opened it
    kept.append(share(numpy.full(1000, 3.0)))
    return kept[-1]


def test_nothing_is_left_in_the_file_system(run_script: Callable[..., Finished]) -> None:
    script = """
        import procession
        array = procession.SharedArray(1000)
        print([line for line in open("/proc/self/maps") if "/dev/shm/" in line])
    """
    assert run_script(script).stdout == "[]\n"
