"""Contexts: ours and those of multiprocessing, set and asked, and things of both handed to each other's processes."""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

import procession
from tests.helpers.scripts import Finished
from tests.process import targets

pytestmark = pytest.mark.limit(90)
NAMED = ("fork", "spawn", "forkserver")


@pytest.mark.short
@pytest.mark.parametrize("method", NAMED)
def test_named_context_is_one_of_multiprocessing(method: str) -> None:
    ours, theirs = procession.get_context(method), multiprocessing.get_context(method)
    assert isinstance(ours, type(theirs)) and ours.get_start_method() == method
    assert type(ours).__name__ == type(theirs).__name__ and ours is procession.get_context(method)
    assert ours.Process.__name__ == theirs.Process.__name__ and issubclass(ours.Process, theirs.Process)
    with pytest.raises(ValueError, match="cannot set start method"):
        ours.set_start_method("fork")
    assert ours.get_context("spawn").get_start_method() == "spawn"


def test_what_context_there_is_not() -> None:
    assert sorted(procession.get_all_start_methods()) == sorted(NAMED)
    for unknown in ("thread", ""):
        with pytest.raises(ValueError, match="cannot find context"):
            procession.get_context(unknown)
    assert procession.get_context("nursery").get_start_method() == "nursery"


def test_names_of_processes_tell_the_method(start_method: str | None) -> None:
    context = procession.get_context(start_method)
    title = {
        None: "(Fork|ForkServer|)",
        "nursery": "Nursery",
        "fork": "Fork",
        "spawn": "Spawn",
        "forkserver": "ForkServer",
    }[start_method]
    assert re.match(f"{title}Process-[0-9]+", context.Process().name)


def test_method_is_set_and_asked_as_in_multiprocessing(run_script: Callable[..., Finished]) -> None:
    script = """
        import multiprocessing, sys
        import procession as mp

        def told():
            return mp.get_start_method(), multiprocessing.get_start_method(), mp.current_process().name

        if __name__ == "__main__":
            default = multiprocessing.get_all_start_methods()[0]
            assert mp.get_start_method(allow_none=True) is None
            for method in ("spawn", "forkserver", "fork", None, "spawn"):
                mp.set_start_method(method, force=True)
                assert mp.get_start_method(True) == method == multiprocessing.get_start_method(True)
                process = mp.Process(target=told)
                process.start()
                assert process.result() == (method or default,) * 2 + (process.name,), process.result()
                if method is not None:
                    assert mp.get_context().get_start_method() == method
                    context = mp.get_context()
                    assert type(context.Process()).__name__.lower() == method + "process"
                with mp.Pool(1) as pool:
                    assert pool.apply(told)[0] == (method or default)
            for module in (mp, multiprocessing):
                try:
                    module.set_start_method("fork")
                except RuntimeError as error:
                    print(error)
            try:
                mp.set_start_method("nursery", force=True)
            except ValueError as error:
                print(error)
    """
    ended = run_script(script)
    assert ended.returncode == 0 and ended.stderr == "", ended
    assert ended.stdout == "context has already been set\n" * 2 + "cannot find context for 'nursery'\n"


def use_all(queue: Any, simple: Any, lock: Any, event: Any, value: Any, array: Any, end: Any) -> int:
    """Touch one of each in the child."""
    with lock:
        value.value += 1
        array[0] += 2
    queue.put("a queue")
    simple.put("a simple queue")
    end.send("a pipe")
    end.close()
    event.set()
    return os.getpid()


@pytest.mark.parametrize("method", NAMED)
@pytest.mark.parametrize("things", ["theirs", "ours"])
def test_things_of_one_world_in_processes_of_the_other(method: str, things: str) -> None:
    both = {"theirs": multiprocessing.get_context(method), "ours": procession.get_context(method)}
    maker = both[things]
    starter = both["ours" if things == "theirs" else "theirs"]
    ours, theirs = maker.Pipe()
    queue, simple, event = maker.Queue(), maker.SimpleQueue(), maker.Event()
    value, array, lock = maker.Value("i", 1), maker.Array("d", [0.0]), maker.Lock()
    process = starter.Process(target=use_all, args=(queue, simple, lock, event, value, array, theirs))
    process.start()
    theirs.close()
    assert process in multiprocessing.active_children() and process in procession.active_children()
    assert [queue.get(), simple.get(), ours.recv()] == ["a queue", "a simple queue", "a pipe"]
    assert event.wait(30) and (value.value, array[0]) == (2, 2.0)
    process.join()
    assert process.exitcode == 0 and process not in multiprocessing.active_children()
    queue.close()
    queue.join_thread()
    for each in (ours, queue._reader, simple):
        each.close()
    process.close()


def test_lock_that_only_the_process_has_is_there_when_it_begins(start_method: str | None) -> None:
    context = procession.get_context(start_method)
    process = context.Process(target=take, args=(context.Lock(), context.Event()))  # multiprocessing drops them
    process.start()
    assert process.result()
    with context.Manager() as manager:
        process = context.Process(target=len, args=(manager.list([1, 2]),))
        process.start()
        assert process.result() == 2


def test_pipe_is_not_kept_by_its_process(start_method: str | None) -> None:
    context = procession.get_context(start_method)
    ours, theirs = context.Pipe()
    process = context.Process(target=len, args=([theirs],))
    process.start()
    del theirs
    with pytest.raises(EOFError):
        ours.recv()
    assert process.result() == 1
    ours.close()


def take(lock: Any, event: Any) -> bool:
    with lock:
        event.set()
    return bool(event.is_set())


def test_default_process_takes_things_of_multiprocessing() -> None:
    queue = multiprocessing.Queue()
    with multiprocessing.Manager() as manager:
        shared = manager.dict()
        process = procession.Process(target=fill, args=(queue, shared))
        process.start()
        assert queue.get() == 1 and process.result() is None and dict(shared) == {"a": 2}
    queue.close()
    queue.join_thread()
    queue._reader.close()  # type: ignore[attr-defined]


def fill(queue: Any, shared: Any) -> None:
    queue.put(1)
    shared["a"] = 2


@pytest.mark.parametrize("method", [*NAMED, "nursery"])
def test_standard_executor_runs_on_our_contexts(method: str) -> None:
    context = procession.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context, initializer=targets.pid) as executor:
        assert list(executor.map(targets.add, range(20), chunksize=3)) == list(range(1, 21))
        pids = {executor.submit(targets.pid).result() for _ in range(8)}
        assert os.getpid() not in pids and pids <= set(executor._processes)
        assert isinstance(next(iter(executor._processes.values())), context.Process)


@pytest.mark.parametrize("method", [None, *NAMED, "nursery"])
def test_manager_makes_our_pools(method: str | None) -> None:
    with procession.get_context(method).Manager() as manager:
        pool = manager.Pool(2)
        assert pool.map(targets.add, range(5)) == [1, 2, 3, 4, 5]
        assert pool.apply(kind_of_current_process) == "PoolWorker"
        pool.terminate()
        numbers = manager.list([1, 2])
        numbers.append(3)
        assert list(numbers) == [1, 2, 3]
        queue = manager.Queue()
        process = procession.get_context(method).Process(target=fill, args=(queue, manager.dict()))
        process.start()
        assert queue.get() == 1
        process.join()


def kind_of_current_process() -> str:
    return type(multiprocessing.current_process()).__name__


def test_child_knows_its_parent(start_method: str | None) -> None:
    process = procession.get_context(start_method).Process(target=who, name="child")
    process.start()
    assert process.result() == ("child", os.getpid(), multiprocessing.current_process().name, True, [])


def who() -> tuple[Any, ...]:
    parent = procession.parent_process()
    assert parent is not None
    name = procession.current_process().name
    return name, parent.pid, parent.name, parent.is_alive(), procession.active_children()


def test_authkey_and_daemon_flag_travel(start_method: str | None) -> None:
    process = procession.get_context(start_method).Process(target=flags, daemon=True)
    process.start()
    assert process.daemon and process.result() == (True, bytes(multiprocessing.current_process().authkey))


def flags() -> tuple[bool, bytes]:
    current = multiprocessing.current_process()
    return current.daemon, bytes(current.authkey)


def test_forkserver_preloads(run_script: Callable[..., Finished]) -> None:
    script = """
        import sys
        import procession as mp

        def loaded():
            return "colorsys" in sys.modules

        if __name__ == "__main__":
            mp.set_forkserver_preload(["colorsys"])
            for method in ("forkserver", "nursery"):
                process = mp.get_context(method).Process(target=loaded)
                process.start()
                print(process.result())
    """
    assert run_script(script).stdout == "True\nTrue\n"


def test_executable_can_be_chosen(run_script: Callable[..., Finished]) -> None:
    script = f"""
        import os, stat, sys
        import procession as mp

        if __name__ == "__main__":
            with open("python", "w") as file:
                file.write("#!/bin/sh\\nCHOSEN=1 exec {sys.executable} \\"$@\\"\\n")
            os.chmod("python", 0o755)
            mp.set_executable(os.path.abspath("python"))
            process = mp.get_context("spawn").Process(target=os.getenv, args=("CHOSEN",))
            process.start()
            print(process.result())
    """
    assert run_script(script).stdout == "1\n"


def test_program_that_is_no_python_ends_the_process_and_not_the_parent(run_script: Callable[..., Finished]) -> None:
    script = """
        import procession as mp

        if __name__ == "__main__":
            mp.set_executable("/bin/false")
            for size in (1, 10_000_000):  # more than a pipe holds
                process = mp.get_context("spawn").Process(target=len, args=(b"x" * size,))
                process.start()
                process.join()
                print(process.exitcode, type(process.exception()).__name__)
    """
    assert run_script(script).stdout == "1 WorkerDied\n" * 2
