"""The store: what one process writes others see, for as long as they look at it, and never after it was used anew."""

from __future__ import annotations

import errno
import gc
import os
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from procession.wire import blocks, store, views
from procession.wire.counter import Counters
from procession.wire.shared_file import MARKS, SharedFile
from procession.wire.store import LARGE, Store

numpy = pytest.importorskip("numpy")

LIMIT = 64 * LARGE


class Pair:
    """A parent and a worker, both in this process."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.counters = Counters(8)
        self.parent = Store(self.counters.descriptor, 0, limit)
        self.worker = Store(self.counters.descriptor, 7, limit)

    def send(self, value: object) -> Any:
        """Pickle a value as the parent does; give what the worker gets."""
        data, stored = self.parent.dumps(value)
        return data if stored is None else self.parent.parcel(data, stored, "worker")

    def pages(self) -> int:
        """Bytes of memory that the file takes."""
        return os.fstat(self.counters.descriptor).st_blocks * 512

    def close(self) -> None:
        """The end of the pool; a worker has ended before it."""
        self.parent.bury("worker", 7)
        self.counters.close(keep=self.parent.close())


@pytest.fixture
def pair() -> Iterator[Pair]:
    both = Pair()
    yield both
    gc.collect()
    both.close()
    both.worker.close()  # this process does not end with it


def array(fill: float = 1.0, size: int = LARGE) -> Any:
    return numpy.full(size // 8, fill)


def test_a_large_array_is_not_in_the_pickle(pair: Pair) -> None:
    parcel = pair.send(array(3.0))
    assert type(parcel) is tuple and len(pickle.dumps(parcel)) < 1000
    there = pair.worker.loads(parcel)
    assert (there == 3.0).all() and there.flags.writeable


def test_what_is_small_or_has_gaps_travels_as_before(pair: Pair) -> None:
    for value in (array(size=LARGE // 2), array(size=LARGE)[::2], "text", None):
        item = pair.send(value)
        assert type(item) is bytes
        assert numpy.array_equal(pair.worker.loads(item), value)


@pytest.mark.parametrize("value", [b"ab" * LARGE, bytearray(LARGE), "text" * LARGE, list(range(LARGE))])
def test_a_large_pickle_goes_into_a_block_as_a_whole(pair: Pair, value: object) -> None:
    parcel = pair.send(value)
    assert len(pickle.dumps(parcel)) < 1000
    assert pair.worker.loads(parcel) == value


def test_arrays_keep_their_order_their_kind_and_who_may_write(pair: Pair) -> None:
    fixed = array(2.0)
    fixed.flags.writeable = False
    wide = numpy.asfortranarray(numpy.arange(LARGE, dtype="i4").reshape(64, -1))
    words = numpy.full(LARGE, "word")
    value = {"fixed": fixed, "wide": wide, "words": words, "small": 1}
    there = pair.worker.loads(pair.send(value))
    assert not there["fixed"].flags.writeable and there["wide"].flags.writeable
    assert there["wide"].flags.f_contiguous and (there["wide"] == wide).all() and (there["words"] == words).all()


def test_what_the_receiver_changes_is_its_own(pair: Pair) -> None:
    mine = array(1.0)
    data, stored = pair.parent.dumps(mine)
    assert stored is not None
    first = pair.worker.loads(pair.parent.parcel(data, stored, "worker"))
    first[:] = 5.0
    second = pair.worker.loads(pair.parent.parcel(data, stored, "worker"))
    assert (mine == 1.0).all() and (second == 1.0).all() and (first == 5.0).all()


def test_a_block_is_not_used_again_while_a_slice_of_it_is_seen(pair: Pair) -> None:
    there = pair.worker.loads(pair.send(array(1.0)))
    slice_ = there[::2]
    del there
    others = [pair.worker.loads(pair.send(array(number))) for number in range(20)]
    assert (slice_ == 1.0).all()
    assert [other[0] for other in others] == list(range(20))


def test_a_block_that_nobody_sees_is_used_again(pair: Pair) -> None:
    for number in range(200):
        there = pair.worker.loads(pair.send(array(number)))
        assert there[-1] == number
        del there
    assert pair.pages() < 5 * LARGE + 2 * MARKS


def test_what_is_not_looked_at_comes_back_when_it_is_refused(pair: Pair) -> None:
    for _ in range(200):
        pair.worker.refuse(pair.send(array()))
    assert pair.pages() < 5 * LARGE + 2 * MARKS


def test_where_there_is_no_room_it_travels_in_the_pickle(pair: Pair) -> None:
    seen = [pair.worker.loads(pair.send(array(number, 8 * LARGE))) for number in range(7)]
    item = pair.send(array(9.0, 16 * LARGE))
    assert type(item) is bytes and (pair.worker.loads(item) == 9.0).all()
    assert [each[0] for each in seen] == list(range(7))
    del seen
    gc.collect()
    assert type(pair.send(array(9.0, 16 * LARGE))) is tuple


def test_a_limit_of_nothing_means_that_nothing_is_shared() -> None:
    pair = Pair(0)
    item = pair.send(array(4.0))
    assert type(item) is bytes and (pair.worker.loads(item) == 4.0).all()
    assert pair.parent.wrap(1, bytes(LARGE), "worker") is None
    assert pair.pages() == 0
    pair.close()
    pair.worker.close()


def test_where_the_system_gives_no_memory_it_says_so_once_and_goes_on(pair: Pair, monkeypatch: Any) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SharedFile, "write", refuse)
    with pytest.warns(RuntimeWarning, match="no shared memory .No space left") as told:
        for number in range(3):
            item = pair.send(array(number))
            assert type(item) is bytes and pair.worker.loads(item)[0] == number
    assert len(told) == 1
    monkeypatch.undo()
    assert type(pair.send(array())) is tuple


def test_too_many_mappings_are_copies(pair: Pair, monkeypatch: Any) -> None:
    monkeypatch.setattr(views, "MOST_MAPPED", 3)
    seen = [pair.worker.loads(pair.send(array(number))) for number in range(6)]
    assert [each[-1] for each in seen] == list(range(6)) and all(each.flags.writeable for each in seen)
    for number in range(100):
        assert pair.worker.loads(pair.send(array(number)))[0] == number
    assert pair.pages() < 9 * LARGE + 2 * MARKS


def test_a_frame_goes_into_a_block(pair: Pair) -> None:
    wrapped = pair.parent.wrap(5, b"ab" * LARGE, "worker")
    assert wrapped is not None
    kind, body = pair.worker.unwrap(wrapped)
    assert kind == 5 and bytes(body) == b"ab" * LARGE


def test_what_a_dead_process_saw_is_used_again(pair: Pair) -> None:
    for _ in range(6):
        pair.send(array(size=8 * LARGE))
    pair.parent.bury("worker", 7)
    assert type(pair.send(array(size=32 * LARGE))) is tuple


def test_what_a_dead_process_wrote_stays_while_it_is_seen(pair: Pair) -> None:
    data, stored = pair.worker.dumps(array(6.0))
    assert stored is not None
    gone = [pair.worker.dumps(array(7.0)) for _ in range(3)]
    there = pair.parent.loads(pair.worker.parcel(data, stored, "parent"))
    kept = there[1::2]
    del there
    before = pair.pages()
    pair.parent.bury("worker", 7)
    assert pair.pages() <= before - 3 * LARGE and len(gone) == 3
    assert (kept == 6.0).all()
    before = pair.pages()
    del kept
    assert pair.pages() <= before - LARGE


def test_views_outlive_all_else() -> None:
    pair = Pair()
    data, stored = pair.worker.dumps(array(6.0))
    assert stored is not None
    there = pair.parent.loads(pair.worker.parcel(data, stored, "parent"))
    del stored
    pair.close()
    assert (there == 6.0).all()
    there += 1
    assert (there[::2] == 7.0).all()
    del there
    pair.worker.close()


def test_pickling_after_the_end_needs_no_block(pair: Pair) -> None:
    pair.parent.close()
    assert type(pair.send(array())) is bytes


def child_of(work: Any) -> int:
    """Fork; the child works and ends; give its process id."""
    pid = os.fork()
    if not pid:
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return pid


def test_a_block_that_a_forked_child_sees_is_not_used_again_before_the_child_is_gone(pair: Pair) -> None:
    seen = [pair.worker.loads(pair.send(array(1.0)))]
    read, write = os.pipe()

    def look() -> bool:
        os.read(read, 1)  # the parent has let go, and written much else
        return bool((seen[0] == 1.0).all())

    pid = child_of(look)
    seen.clear()
    for number in range(2, 40):
        pair.worker.refuse(pair.send(array(number)))
    os.write(write, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(read)
    os.close(write)
    pair.worker.loads(pair.send(array(2.0)))  # notices that the child is gone
    before = pair.pages()
    for number in range(40):
        pair.worker.refuse(pair.send(array(number)))
    assert pair.pages() <= before + LARGE


def test_what_a_child_of_a_dead_process_may_see_is_never_used_again(pair: Pair) -> None:
    there = pair.worker.loads(pair.send(array(1.0)))
    pid = child_of(lambda: bool(there[0]))
    os.waitpid(pid, 0)
    pair.parent.bury("worker", 7)
    for number in range(2, 20):
        pair.worker.refuse(pair.send(array(number)))
    assert (there == 1.0).all()


def test_a_child_changes_nothing_of_its_parent_s(pair: Pair) -> None:
    there = pair.worker.loads(pair.send(array(1.0)))

    def change() -> bool:
        nonlocal there
        there[:] = 8.0
        del there
        gc.collect()
        return True

    pid = child_of(change)
    os.waitpid(pid, 0)
    assert (there == 1.0).all()
    for number in range(2, 20):
        pair.worker.refuse(pair.send(array(number)))
    assert (there == 1.0).all()


def test_each_of_several_children_holds_what_it_sees(pair: Pair) -> None:
    seen = [pair.worker.loads(pair.send(array(1.0)))]
    read, write = os.pipe()
    first = child_of(lambda: True)
    os.waitpid(first, 0)

    def look() -> bool:
        os.read(read, 1)
        return bool((seen[0] == 1.0).all())

    second = child_of(look)
    seen.clear()
    for number in range(2, 40):
        pair.worker.loads(pair.send(array(number)))
    os.write(write, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(second, 0)[1]) == 0
    os.close(read)
    os.close(write)


def test_forks_hold_no_descriptors_once_their_children_are_gone(pair: Pair) -> None:
    kept = pair.worker.loads(pair.send(array(1.0)))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(30):
        os.waitpid(child_of(lambda: True), 0)
    assert len(os.listdir("/proc/self/fd")) <= before + 1 and kept[0] == 1.0


def test_a_finalizer_that_sends_in_the_midst_of_sending_gets_no_block(pair: Pair, monkeypatch: Any) -> None:
    inside: list[Any] = []
    write = SharedFile.write

    def write_and_send(file: SharedFile, offset: int, data: memoryview) -> None:
        if not inside:
            inside.append(None)
            inside[0] = pair.send(array(7.0))
        write(file, offset, data)

    monkeypatch.setattr(SharedFile, "write", write_and_send)
    outer = pair.send(array(5.0))
    assert (pair.worker.loads(outer) == 5.0).all()
    assert type(inside[0]) is bytes and (pair.worker.loads(inside[0]) == 7.0).all()


def test_a_forked_child_that_abandons_the_store_writes_nothing(pair: Pair) -> None:
    pair.worker.refuse(pair.send(array(1.0)))
    there = pair.worker.loads(pair.send(array(2.0)))

    def send() -> bool:
        pair.parent.abandon()
        return type(pair.send(array(3.0))) is bytes

    pid = child_of(send)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert (there == 2.0).all()


def test_marks_are_left_for_what_can_travel_in_no_other_way(pair: Pair, monkeypatch: Any) -> None:
    monkeypatch.setattr(blocks, "MARKS", 2 * store.KEPT_MARKS)
    data, stored = pair.parent.dumps(array(9.0))
    assert stored is not None
    parcels = [pair.parent.parcel(data, stored, "worker") for _ in range(store.KEPT_MARKS + 3)]
    assert all(parcels[: store.KEPT_MARKS]) and not any(parcels[store.KEPT_MARKS :])
    last = pair.parent.parcel(data, stored, "worker", 0)
    assert last is not None and pair.worker.loads(last)[0] == 9.0
