"""Every type of a manager behaves like the type, in as few trips as can be."""

from __future__ import annotations

import collections
import multiprocessing.managers as standard
import queue
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, MutableMapping, MutableSequence, MutableSet
from typing import Any

import pytest

import procession
from procession.managers import BaseManager, BaseProxy, SyncManager
from procession.served.station import Station

pytestmark = pytest.mark.short


@pytest.fixture(scope="module")
def manager() -> Iterator[SyncManager]:
    with procession.Manager() as made:
        made.dict()  # this process has met it
        yield made


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The methods that were asked for."""
    seen: list[Any] = []
    ask = Station.ask

    def counted(self: Station, question: Any, kind: Any = None) -> Any:
        seen.append(question[1])
        return ask(self, question, kind)

    monkeypatch.setattr(Station, "ask", counted)
    return seen


def test_dict_has_what_a_dict_has(manager: SyncManager) -> None:
    held = manager.dict({"a": 1}, b=2)
    assert held == {"a": 1, "b": 2} and held != {"a": 1}
    assert held | {"c": 3} == {"a": 1, "b": 2, "c": 3}
    assert {"c": 3} | held == {"c": 3, "a": 1, "b": 2}
    held |= {"b": 5}
    held.update({"d": 1}, e=2)
    held.update(iter([("f", 3)]))
    held.update(manager.dict(g=4))
    assert list(held) == ["a", "b", "d", "e", "f", "g"] == held.keys()
    assert list(reversed(held))[0] == "g"
    assert held.pop("g") == 4 and held.pop("g", None) is None and held.popitem() == ("f", 3)
    assert held.setdefault("h", 1) == 1 and "h" in held and len(held) == 5
    with pytest.raises(KeyError, match="nothing"):
        held["nothing"]
    assert isinstance(held, MutableMapping)
    assert held.get_many(["a", "x", "b"], 0) == [1, 0, 5]
    assert held.pop_many(["a", "x"]) == [1, None]
    assert type(held.copy()) is dict


def test_list_has_what_a_list_has(manager: SyncManager) -> None:
    held = manager.list([3, 1, 2])
    held.sort()
    held.extend(number for number in (7, 8))
    held += [9]
    assert held == [1, 2, 3, 7, 8, 9] and held[-1] == 9 and held[1:3] == [2, 3]
    del held[0]
    held[0:2] = [0]
    held *= 2
    assert list(held) == [0, 7, 8, 9] * 2 == held.copy() and held + [1] == [0, 7, 8, 9] * 2 + [1]
    assert (
        held.index(8) == 2 and held.count(9) == 2 and list(reversed(held))[0] == 9 and isinstance(held, MutableSequence)
    )
    held.clear()
    assert len(held) == 0 and held < [1]


def test_set_has_what_a_set_has(manager: SyncManager) -> None:
    held, other = manager.set([1, 2]), manager.set([2, 3])
    held.add(4)
    held |= {5}
    assert held == {1, 2, 4, 5} and 4 in held and sorted(held) == [1, 2, 4, 5] and len(held) == 4
    assert held & other == {2} == {2, 9} & held and held - other == {1, 4, 5} and {9} - held == {9}
    assert held ^ {1} == {2, 4, 5} and held | other == {1, 2, 3, 4, 5} and held.union([7], [8]) == {1, 2, 4, 5, 7, 8}
    assert held >= {1} and held.issuperset(manager.set([1])) and not held.isdisjoint([1])
    held -= {5}
    held &= other
    held.discard(9)
    with pytest.raises(KeyError):
        held.remove(9)
    assert repr(held) == "{2}" and type(held.copy()) is set and held.pop() == 2 and isinstance(held, MutableSet)
    with pytest.raises(TypeError):
        held & [1]  # type: ignore[operator]


def test_counter_has_what_a_counter_has(manager: SyncManager) -> None:
    held = manager.Counter("abca")
    held.update("aa")
    held.update({"d": 2})
    held["q"] += 1
    held.subtract("b")
    assert held == Counter(a=4, b=0, c=1, d=2, q=1) and held["missing"] == 0
    assert (
        held.most_common(2) == [("a", 4), ("d", 2)] and held.total() == 8 and sorted(held.elements())[:2] == ["a", "a"]
    )
    assert held + Counter(a=1) == Counter(a=5, c=1, d=2, q=1) and type(+held) is Counter
    held += Counter(z=1)
    assert held["z"] == 1 and "b" not in held and repr(held).startswith("Counter({'a': 4")


def test_defaultdict_has_what_a_defaultdict_has(manager: SyncManager) -> None:
    held = manager.defaultdict(list)
    held["a"].append(1)
    held["a"].append(2)
    assert held == {"a": [1, 2]} and held.get("b") is None and "b" not in held and held.default_factory is list
    assert type(held.copy()) is defaultdict and repr(held) == "defaultdict(<class 'list'>, {'a': [1, 2]})"
    with pytest.raises(KeyError):
        manager.defaultdict()["a"]
    counted = manager.defaultdict(int, {"x": 1})
    counted["y"] += 2
    assert counted.items() == [("x", 1), ("y", 2)]


def test_deque_has_what_a_deque_has(manager: SyncManager) -> None:
    held = manager.deque([1, 2, 3], maxlen=4)
    held.appendleft(0)
    held.append(4)
    assert held == deque([1, 2, 3, 4]) and held.maxlen == 4 and held[0] == 1 and held[-1] == 4
    held.rotate(1)
    held.extendleft(iter([9]))
    assert list(held) == [9, 4, 1, 2] and list(reversed(held))[0] == 2
    assert held.popleft() == 9 and held.pop() == 2 and repr(held) == "deque([4, 1], maxlen=4)"
    held += [5]
    assert (
        held.index(5) == 2
        and 5 in held
        and type(held.copy()) is collections.deque
        and held * 2 == deque([4, 1, 5] * 2, 4)
    )


def test_bulk_is_one_trip(manager: SyncManager, trips: list[Any]) -> None:
    held, row, some = manager.dict(), manager.list(), manager.set()
    trips.clear()
    for act in (
        lambda: held.update({number: number for number in range(1000)}),
        lambda: held.get_many(range(1000)),
        lambda: list(iter(held)),
        held.items, held.values, held.keys, held.copy, lambda: len(held),
        lambda: row.extend(range(1000)), lambda: list(iter(row)), lambda: row[:],
        lambda: some.update(range(1000)), lambda: list(iter(some)),
    ):  # fmt: skip
        act()
        assert len(trips) == 1, trips
        trips.clear()


def test_dict_whose_size_changes_while_one_goes_through_it_says_so(manager: SyncManager) -> None:
    held = manager.dict({1: 1, 2: 2})
    for key in held:
        held[key] = 5
    assert held.values() == [5, 5]
    with pytest.raises(RuntimeError, match="changed size"):
        for key in held:
            del held[key]


def test_queue_lock_and_the_like_are_those_of_threading(manager: SyncManager) -> None:
    items = manager.Queue(1)
    items.put(1)
    with pytest.raises(queue.Full):
        items.put(2, timeout=0.01)
    assert items.get() == 1
    with pytest.raises(queue.Empty):
        items.get(timeout=0.01)
    items.task_done()
    items.join()
    lock, again, few = manager.Lock(), manager.RLock(), manager.BoundedSemaphore(2)
    with lock:
        assert not lock.acquire(False) and not lock.acquire(timeout=0.01) and not lock.abandoned
    with pytest.raises(RuntimeError, match="unlocked"):
        lock.release()
    with again, again:
        thread = threading.Thread(target=lambda: seen.append(again.acquire(False)))
        seen: list[bool] = []
        thread.start()
        thread.join()
        assert seen == [False]
    with few, few:
        assert not few.acquire(False)
    with pytest.raises(ValueError, match="too many"):
        few.release()
    condition = manager.Condition(manager.Lock())
    with pytest.raises(RuntimeError, match="un-acquired"):
        condition.notify()
    with condition:
        assert not condition.wait(0.01)
    with pytest.raises(threading.BrokenBarrierError):
        manager.Barrier(2).wait(0.01)


class Account:
    """A type of a user's."""

    def __init__(self, balance: int) -> None:
        self.balance = balance

    def pay_in(self, amount: int) -> int:
        self.balance += amount
        return self.balance

    def parts(self) -> Iterator[int]:
        yield from (1, 2)

    def fail(self) -> None:
        raise ZeroDivisionError("nothing left")


class AccountProxy(BaseProxy):
    """A user's own proxy."""

    _exposed_ = ("pay_in",)

    def pay_in(self, amount: int) -> str:
        return f"{self._callmethod('pay_in', (amount,))}!"


class Bank(BaseManager):
    """A user's own manager."""


Bank.register("Account", Account, exposed=("pay_in", "fail", "parts"), method_to_typeid={"parts": "Iterator"})
Bank.register("Mine", Account, AccountProxy)
Bank.register("Iterator", proxytype=procession.managers.IteratorProxy, create_method=False)


def test_types_of_one_s_own() -> None:
    with Bank() as bank:
        account: Any = bank.Account(5)  # type: ignore[attr-defined]
        assert account.pay_in(3) == 8 and list(account.parts()) == [1, 2]
        with pytest.raises(ZeroDivisionError):
            account.fail()
        assert bank.Mine(1).pay_in(1) == "2!"  # type: ignore[attr-defined]
        assert not hasattr(account, "balance")


def test_clients_of_the_standard_library_are_served(manager: SyncManager) -> None:
    import multiprocessing.managers as standard

    theirs = standard.SyncManager(manager.address, manager._authkey)  # type: ignore[attr-defined]
    theirs.connect()
    held = theirs.dict()
    held["a"] = [1]
    assert held["a"] == [1] and type(held["a"]) is list and list(held) == ["a"]
    with theirs.Lock():
        pass
    del held


class TheirManager(standard.BaseManager):
    """One of the standard library's."""


class OurClient(procession.managers.BaseManager):
    """A client of it."""


IN_SERVER: queue.Queue[int] = queue.Queue()
TheirManager.register("get_queue", callable=lambda: IN_SERVER)
TheirManager.register("number", callable=lambda: len(IN_SERVER.queue))
OurClient.register("get_queue")


def serve(addresses: Any) -> None:
    server = TheirManager(address=("127.0.0.1", 0), authkey=b"key").get_server()
    addresses.put(server.address)
    server.serve_forever()


def put_one(shared: Any) -> None:
    shared.put(2)


def test_a_client_of_ours_is_served_by_a_server_of_the_standard_library() -> None:
    addresses = procession.SimpleQueue()
    process = procession.get_context("fork").Process(target=serve, args=(addresses,))
    process.start()
    try:
        client = OurClient(address=addresses.get(), authkey=b"key")
        client.connect()
        shared = client.get_queue()
        shared.put(1)
        child = procession.get_context("fork").Process(target=put_one, args=(shared,))
        child.start()
        child.join(60)
        assert (child.exitcode, shared.get(), shared.get()) == (0, 1, 2)
        child.close()
        with pytest.raises(queue.Empty):
            shared.get(block=False)
        del shared
    finally:
        process.kill()
        process.join()
        process.close()
