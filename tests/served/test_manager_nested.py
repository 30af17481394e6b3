"""What lies in a managed container is changed by `outer[key].append(...)`, for all, and still is a real list."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from typing import Any

import pytest

import procession
from procession.managers import SyncManager
from tests.served import managed

METHODS = ("fork", "spawn", "forkserver")


@pytest.fixture(scope="module")
def manager() -> Iterator[SyncManager]:
    with procession.Manager() as made:
        made.dict()  # this process has met it
        yield made


@pytest.mark.short
def test_inner_list_is_a_real_list(manager: SyncManager) -> None:
    held = manager.dict(a=[3, 1, 2])
    inner = held["a"]
    assert (
        isinstance(inner, list)
        and inner == [3, 1, 2]
        and json.dumps(inner) == "[3, 1, 2]"
        and repr(inner) == str(inner)
    )
    assert repr(inner) == "[3, 1, 2]" and sorted(inner) == [1, 2, 3] and inner + [1] == [3, 1, 2, 1]
    for plain in (pickle.loads(pickle.dumps(inner)), copy.copy(inner), copy.deepcopy(inner), inner.copy(), inner[:]):
        assert type(plain) is list and plain == inner
    for values in (held.copy(), dict(held.copy()), manager.list([[1]])[:], manager.list([[1]]).copy()):
        kind = type(values["a"]) if isinstance(values, dict) else type(values[0])
        assert kind is list


@pytest.mark.short
def test_every_type_changes_for_all(manager: SyncManager) -> None:
    held = manager.dict(
        list=[1], dict={}, set={1}, counter=Counter("a"), default=defaultdict(list), deque=deque([1], maxlen=2)
    )
    held["list"].append(2)
    held["list"].insert(0, 0)
    held["list"][1] = 9
    del held["list"][0]
    held["dict"]["k"] = 1
    held["dict"].update(a=2)
    held["dict"].setdefault("l", []).append(3)
    held["dict"] |= {"m": 1}
    held["set"].add(2)
    held["set"] |= {3}
    held["counter"].update("ab")
    held["counter"]["a"] += 1
    held["default"]["x"].append(1)
    held["default"]["x"].append(2)
    held["deque"].append(2)
    held["deque"].append(3)
    assert held.copy() == {
        "list": [9, 2], "dict": {"k": 1, "a": 2, "l": [3], "m": 1}, "set": {1, 2, 3}, "counter": Counter(a=3, b=1),
        "default": {"x": [1, 2]}, "deque": deque([2, 3]),
    }  # fmt: skip
    kinds = [type(each) for each in held.copy().values()]
    assert kinds == [list, dict, set, Counter, defaultdict, deque] and held.copy()["deque"].maxlen == 2
    assert held["set"].pop() in (1, 2, 3) and len(held["set"]) == 2
    assert isinstance(held["counter"], Counter) and held["counter"].most_common(1) == [("a", 3)]


@pytest.mark.short
def test_whatever_hands_out_an_item_hands_out_itself(manager: SyncManager) -> None:
    held, row = manager.dict(a=[]), manager.list([[], [], ([],)])
    for inner in (held["a"], held.get("a"), held.setdefault("a", None), held.get_many(["a"])[0], held.values()[0]):
        inner.append(1)  # type: ignore[union-attr]
    for _, inner in held.items():
        inner.append(1)
    assert held["a"] == [1] * 6
    for each in row:
        (each[0] if isinstance(each, tuple) else each).append(2)
    row[-1][0].append(3)
    assert row == [[2], [2], ([2, 3],)]
    space, value, queue = manager.Namespace(names=[]), manager.Value("O", {}), manager.deque([[]])
    space.names.append(1)
    space.names += [2]
    value.value["k"] = []
    value.value["k"].append(1)
    queue[0].append(5)
    assert space.names == [1, 2] and value.value == {"k": [1]} and queue[0] == [5]


@pytest.mark.short
def test_any_depth_and_what_is_put_in_later(manager: SyncManager) -> None:
    held = manager.dict()
    held["a"] = {"b": [0, []]}
    inner = held["a"]
    inner["b"][1].append({"c": set()})
    inner["b"][1][0]["c"].add(1)
    inner["new"] = [[1]]
    inner["new"][0].append(2)
    assert inner == held["a"] == {"b": [0, [{"c": {1}}]], "new": [[1, 2]]}
    both: list[Any] = []
    both.append(both)
    held["self"] = both
    assert held.copy()["self"][0][0][0] is not None


@pytest.mark.short
def test_two_readers_see_each_other_when_they_change_something(manager: SyncManager) -> None:
    held = manager.dict(a=[1])
    one, other = held["a"], held["a"]
    one.append(2)
    assert other == [1], "a copy of what was there when it was read"
    other.append(3)
    assert other == [1, 2, 3] and one == [1, 2] and held["a"] == [1, 2, 3]
    one.remove(3)
    assert one == [1, 2]
    with pytest.raises(ValueError, match="not in list"):
        one.remove(99)
    rows = manager.list([[5, 1, 3]])
    mine, theirs = rows[0], rows[0]
    theirs.append(4)
    mine.sort(key=lambda number: -number)
    assert mine == rows[0] == [5, 4, 3, 1]


@pytest.mark.short
def test_replaced_or_taken_out_it_is_one_s_own(manager: SyncManager) -> None:
    held = manager.dict(a=[1], b=[1])
    replaced, taken, popped = held["a"], held["b"], held.pop("b")
    held["a"] = [7]
    for inner in (replaced, taken, popped):
        inner.append(2)
        assert inner == [1, 2]
    assert held.copy() == {"a": [7]}
    held["c"] = replaced  # a copy of it
    replaced.append(3)
    assert held["c"] == [1, 2]
    held["d"] = held["c"]  # a copy, as in multiprocessing
    held["d"].append(5)
    assert held["c"] == [1, 2]


@pytest.mark.short
def test_old_recipe_still_works(manager: SyncManager) -> None:
    held, history = manager.dict(a=[]), manager.list()
    for number in range(3):
        inner = held["a"]
        inner.append(number)
        held["a"] = inner
        history.append(inner)
    assert held["a"] == [0, 1, 2] and history == [[0], [0, 1], [0, 1, 2]]


@pytest.mark.short
def test_after_the_manager_s_end_it_is_one_s_own() -> None:
    with procession.Manager() as manager:
        inner = manager.dict(a=[2, 1])["a"]
    inner.sort()
    inner.append(3)
    assert inner == [1, 2, 3]


@pytest.mark.short
def test_proxies_in_containers_are_proxies(manager: SyncManager) -> None:
    inner = manager.list([1])
    outer = manager.list([inner])
    outer[0].append(2)
    assert inner == [1, 2] and str(outer[0]) == "[1, 2]"
    before = manager._number_of_objects()
    del inner
    assert outer[0][:] == [1, 2] and manager._number_of_objects() == before - 1


@pytest.mark.parametrize("method", METHODS)
def test_changes_of_many_processes_come_together(method: str) -> None:
    context: Any = procession.get_context(method)
    with context.Manager() as manager:
        held = manager.dict(a={"b": [0, []]}, n=[])
        work = [context.Process(target=managed.append_deep, args=(held, number)) for number in range(3)]
        work += [context.Process(target=managed.add_up, args=(held, "n", 20)) for _ in range(3)]
        work += [context.Process(target=managed.append, args=(held, "n", 2))]
        for process in work:
            process.start()
        for process in work:
            process.result(60)
        inner = held["a"]["b"][1]
        assert sorted(inner) == sorted((number, turn) for number in range(3) for turn in range(20))
        assert sum(held["n"]) == 62 and len(held["n"]) == 61


def test_what_a_forked_child_inherits_is_attached_and_a_pickle_is_not(manager: SyncManager) -> None:
    held = manager.dict(a=[1])
    forks: Any = procession.get_context("fork")
    spawns: Any = procession.get_context("spawn")
    for context in (forks, spawns):
        process = context.Process(target=managed.grow, args=(held["a"], 2))
        process.start()
        process.result(60)
    assert held["a"] == [1, 2]


def test_threads_change_one_list(manager: SyncManager) -> None:
    held = manager.dict(a=[])
    threads = [threading.Thread(target=managed.add_up, args=(held, "a", 50)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert held["a"] == [1] * 200
