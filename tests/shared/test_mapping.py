"""A dict in a file: that of Python, for many processes at once, whatever happens to one of them."""

from __future__ import annotations

import os
import pickle
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import procession
from tests.helpers.scripts import Finished

pytest.importorskip("lmdb")
SharedDict: Any = procession.SharedDict

keys = st.one_of(
    st.text(max_size=5), st.binary(max_size=5), st.integers(), st.floats(allow_nan=False), st.booleans(), st.none(),
    st.tuples(st.integers(0, 3), st.text(max_size=2)), st.just("long" * 400), st.just("long" * 401),
)  # fmt: skip


@pytest.fixture
def shared() -> Iterator[Any]:
    mapping = SharedDict()
    yield mapping
    mapping.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["set", "del", "pop", "default", "update", "clear"]), keys, st.integers())))
def test_it_does_what_a_dict_does(steps: list[tuple[str, Any, int]]) -> None:
    mapping, model = SharedDict(sync=False), {}
    try:
        for kind, key, value in steps:
            if kind == "set":
                mapping[key] = model[key] = value
            elif kind == "update":
                mapping.update({key: value, "a": 1})
                model.update({key: value, "a": 1})
            elif kind == "default":
                assert mapping.setdefault(key, value) == model.setdefault(key, value)
            elif kind == "pop":
                assert mapping.pop(key, None) == model.pop(key, None)
            elif kind == "clear":
                mapping.clear()
                model.clear()
            elif key in model:
                del mapping[key], model[key]
            else:
                with pytest.raises(KeyError):
                    del mapping[key]
            assert (key in mapping) == (key in model) and mapping.get(key, "none") == model.get(key, "none")
        assert len(mapping) == len(model) and dict(mapping.items()) == model and set(mapping) == set(model)
        assert mapping == model
    finally:
        mapping.close()


def test_equal_keys_are_one_key(shared: Any) -> None:
    first, second = "".join(["ab", "c"]), "".join(["a", "bc"])
    shared[(first, first)] = 1
    assert shared[(first, second)] == 1 and list(shared) == [(first, second)]
    shared[(1.0, True)] = 2
    assert shared[(1, 1)] == 2
    shared[frozenset(["a", "b", 1])] = 3
    assert shared[frozenset([1.0, "b", "a"])] == 3
    shared[2**60] = 4
    assert shared[2.0**60] == 4 and len(shared) == 4
    assert float("inf") not in shared and 0.5 not in shared


def test_threads_share_it_while_it_grows(shared: Any) -> None:
    def write(me: int) -> None:
        for number in range(60):
            shared[(me, number)] = bytes(400_000)
            assert len(shared[(me, number)]) == 400_000

    threads = [threading.Thread(target=write, args=(me,)) for me in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(shared) == 240


def test_a_fork_waits_for_the_writes_of_other_threads(shared: Any) -> None:
    ended = threading.Event()

    def write() -> None:
        while not ended.is_set():
            shared["a"] = bytes(100_000)

    thread = threading.Thread(target=write)
    thread.start()
    for number in range(20):
        process = procession.get_context("fork").Process(target=count, args=(shared, 1))
        process.start()
        process.join(20)
        assert process.exitcode == 0, number
    ended.set()
    thread.join()
    assert shared["count"] == 20


def count(mapping: Any, times: int) -> None:
    for _ in range(times):
        mapping.update_with("count", lambda value: value + 1, default=0)


def count_task(task: tuple[Any, int]) -> None:
    count(*task)


def test_counting_from_many_processes_loses_nothing(shared: Any, start_method: str | None) -> None:
    with procession.Pool(4, context=start_method) as pool:
        pool.map(count_task, [(shared, 200)] * 8, chunksize=1)
    assert shared["count"] == 1600


def test_what_a_function_raises_changes_nothing(shared: Any) -> None:
    shared["a"] = 1
    with pytest.raises(ZeroDivisionError):
        shared.update_with("a", lambda value: value // 0)
    with pytest.raises(KeyError):
        shared.update_with("b", lambda value: value)
    assert dict(shared.items()) == {"a": 1}


def test_many_items_at_once(shared: Any) -> None:
    shared.update({number: str(number) for number in range(1000)}, named="x")
    assert shared.get_many([5, "named", "none"], default=0) == ["5", "x", 0]
    assert len(shared) == 1001 and sorted(shared.values())[-1] == "x"


def test_it_grows_by_itself(shared: Any) -> None:
    with procession.Pool(2, context="fork") as pool:
        pool.map(fill, [(shared, number) for number in range(24)], chunksize=1)
    assert len(shared) == 24 and all(len(shared[number]) == 8 << 20 for number in (0, 23))


def fill(task: tuple[Any, int]) -> None:
    task[0][task[1]] = bytes(8 << 20)


def test_a_path_makes_it_last(tmp_path: Path) -> None:
    first = SharedDict(tmp_path / "kept")
    first["a"] = [1, 2]
    first.close()
    again = pickle.loads(pickle.dumps(SharedDict(tmp_path / "kept")))
    assert again["a"] == [1, 2] and again.path == str(tmp_path / "kept")
    again.close()


def test_a_temporary_one_is_gone_with_its_process(run_script: Callable[..., Finished]) -> None:
    script = """
        import procession
        mapping = procession.SharedDict()
        mapping["a"] = 1
        with procession.Pool(1) as pool:
            pool.apply(lambda: mapping.update(b=2))
        print(sorted(mapping), mapping.path)
    """
    names, path = run_script(script).stdout.rsplit(" ", 1)
    assert names == "['a', 'b']" and not os.path.exists(path.strip())


def test_a_fork_does_not_disturb_it(shared: Any) -> None:
    shared["a"] = 1
    pid = os.fork()
    if not pid:
        shared["b"] = shared["a"] + 1
        os._exit(0)
    os.waitpid(pid, 0)
    shared["c"] = 3
    assert dict(shared.items()) == {"a": 1, "b": 2, "c": 3}


def write_for_ever(mapping: Any, me: int) -> None:
    number = 0
    while True:
        number += 1
        mapping.update({(me, "one"): number, (me, "two"): number})
        mapping.update_with("all", lambda value: value + 1, default=0)


@pytest.mark.limit(90)
def test_killed_writers_leave_whole_transactions_and_no_lock(shared: Any) -> None:
    chance = random.Random(7)
    for _ in range(40):
        processes = [procession.Process(target=write_for_ever, args=(shared, me)) for me in range(3)]
        for process in processes:
            process.start()
        time.sleep(chance.uniform(0.02, 0.08))
        for process in processes:
            os.kill(process.pid or 0, signal.SIGKILL)
        for process in processes:
            process.join()
            process.close()
        assert all(shared.get((me, "one")) == shared.get((me, "two")) for me in range(3))
        count(shared, 1)  # the first write lets a transaction be seen whose writer was killed behind its commit
        before = shared.get("all", 0)
        assert shared.update_with("all", lambda value: value + 1, default=0) == before + 1


def test_a_full_disk_is_an_error_and_nothing_is_lost(run_script: Callable[..., Finished]) -> None:
    script = """
        import resource, signal, procession
        mapping = procession.SharedDict()
        mapping["a"] = 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        try:
            mapping["b"] = bytes(4 << 20)
        except OSError as error:
            print(type(error).__name__, mapping.path in str(error))
        print(dict(mapping.items()))
    """
    assert run_script(script).stdout == "OSError True\n{'a': 1}\n"
