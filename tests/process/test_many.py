"""Many processes, processes from threads, in processes and in workers of pools; and what they cost."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

import procession
from tests.helpers.scripts import Finished
from tests.helpers.wait import wait_until
from tests.process import targets

pytestmark = pytest.mark.limit(90)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("method", ["fork", "forkserver", "nursery"])
def test_hundred_processes_at_once(method: str) -> None:
    context = procession.get_context(method)
    context.Process(target=targets.pid).start()  # the server is there
    event = context.Event()
    made = [context.Process(target=targets.wait_for, args=(event,)) for _ in range(100)]
    for process in made:
        process.start()
    assert len(multiprocessing.active_children()) >= 100
    event.set()
    assert [process.result() for process in made] == ["was set"] * 100


def test_joined_process_costs_no_descriptor_of_ours(start_method: str | None) -> None:
    context = procession.get_context(start_method)
    theirs = multiprocessing.get_context(start_method if start_method != "nursery" else "forkserver")
    used = []
    for kind in (theirs.Process, context.Process):
        kind(target=targets.pid).start()  # whatever stays is there
        wait_until(lambda: not multiprocessing.active_children())
        before = descriptors()
        made = [kind(target=targets.many_bytes, args=(1000,)) for _ in range(5)]
        for process in made:
            process.start()
        for process in made:
            process.join()
        used.append(descriptors() - before)
        for process in made:
            process.close()
        assert descriptors() == before
    assert used[0] == used[1]


def test_closed_and_forgotten_processes_leave_nothing(start_method: str | None) -> None:
    context = procession.get_context(start_method)
    context.Process(target=targets.pid).start()
    wait_until(lambda: not multiprocessing.active_children())
    before = descriptors()
    for size in (10, 1_000_000):  # the second one's result is in a file
        read, unread, forgotten = (context.Process(target=targets.many_bytes, args=(size,)) for _ in range(3))
        for process in (read, unread, forgotten):
            process.start()
        assert len(read.result()) == size
        read.close()
        unread.join()
        unread.close()
        forgotten.join()
        del forgotten, process
    wait_until(lambda: descriptors() == before)
    running = context.Process(target=targets.wait_for, args=(context.Event(),))
    running.start()
    with pytest.raises(ValueError, match="still running"):
        running.close()
    running.kill()
    running.join()
    running.close()


def test_processes_from_many_threads_at_once(start_method: str | None) -> None:
    context = procession.get_context(start_method)
    results: list[Any] = []
    barrier = threading.Barrier(6)

    def run(number: int) -> None:
        barrier.wait()
        for each in range(3):
            process = context.Process(target=targets.add, args=(number, each))
            process.start()
            results.append((number + each, process.result()))

    threads = [threading.Thread(target=run, args=(number * 10,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 18 and all(wanted == got for wanted, got in results)


def test_no_process_holds_the_lifeline_of_one_that_another_thread_started(run_script: Callable[..., Finished]) -> None:
    script = """
        import os, re, sys, threading
        import procession as mp

        def held():
            # each holds its own end; ours, the parent's, nobody but the parent
            peers = set()
            for name in os.listdir("/proc/self/fd"):
                try:
                    target = os.readlink(f"/proc/self/fd/{name}")
                except OSError:
                    continue
                if target.startswith("socket:"):
                    peers.add(target)
            return peers

        if __name__ == "__main__":
            before = held()
            results = []
            def run():
                for _ in range(20):
                    process = mp.get_context("fork").Process(target=held)
                    process.start()
                    results.append(process.result())
            threads = [threading.Thread(target=run) for _ in range(4)]
            for each in threads: each.start()
            for each in threads: each.join()
            print(len(results), {len(each - before) for each in results}, len(held() - before))
    """
    ended = run_script(script)
    assert ended.stdout == "80 {1} 0\n", ended


def test_processes_in_processes(start_method: str | None) -> None:
    process = procession.get_context(start_method).Process(target=nested, args=(start_method, 2))
    process.start()
    assert process.result() == [2, 1, 0]


def nested(method: str | None, depth: int) -> list[int]:
    if not depth:
        return [0]
    process = procession.get_context(method).Process(target=nested, args=(method, depth - 1))
    process.start()
    below: list[int] = process.result()
    return [depth, *below]


@pytest.mark.parametrize("born", [None, "nursery", "spawn"])
def test_processes_in_workers_of_a_pool(start_method: str | None, born: str | None) -> None:
    with procession.Pool(1, context=born) as pool:
        assert pool.apply(nested, (start_method, 2)) == [2, 1, 0]
        worker, child, parent = pool.apply(start_one, (start_method,))
    assert worker != child and parent == worker


def start_one(method: str | None) -> tuple[int, int, int]:
    process = procession.get_context(method).Process(target=parent_and_own_pid)
    process.start()
    parent, own = process.result()
    return os.getpid(), own, parent


def parent_and_own_pid() -> tuple[int, int]:
    parent = procession.parent_process()
    assert parent is not None and parent.pid is not None
    return parent.pid, os.getpid()


def test_pool_inside_a_process(start_method: str | None) -> None:
    process = procession.get_context(start_method).Process(target=map_inside)
    process.start()
    assert process.result() == [1, 2, 3]


def map_inside() -> list[int]:
    with procession.Pool(2) as pool:
        return pool.map(targets.add, range(3))


LIMITED = """
    import os, resource, sys
    import procession as mp

    def nothing():
        pass

    if __name__ == "__main__":
        context = mp.get_context(sys.argv[1])
        first = context.Process(target=nothing)
        first.start()
        first.join()
        before = len(os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (before + int(sys.argv[2]), 1024))
        process = context.Process(target=nothing)
        try:
            process.start()
        except OSError as error:
            print(error.strerror)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
        print(process.pid, mp.active_children(), len(os.listdir("/proc/self/fd")) - before)
        process = context.Process(target=nothing)  # the next one is born as if nothing had happened
        process.start()
        print(process.result())
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("left", [0, 1, 2, 3])
def test_no_descriptors_left_is_an_error_that_leaves_nothing(
    run_script: Callable[..., Finished], method: str, left: int
) -> None:
    ended = run_script(LIMITED, arguments=[method, str(left)])
    assert ended.stdout == "Too many open files\nNone [] 0\nNone\n" and ended.returncode == 0, ended


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_no_process_left_is_an_error_that_leaves_nothing(run_script: Callable[..., Finished], method: str) -> None:
    limit, back = (
        "resource.setrlimit(resource.RLIMIT_NPROC, (1, most))",
        "resource.setrlimit(resource.RLIMIT_NPROC, was)",
    )
    if os.getuid() == 0:  # root has no such limit: be somebody else meanwhile
        if method == "spawn":
            pytest.skip("nobody else may read what a spawned process needs")
        limit += "; os.setresuid(12345, 12345, 0)"
        back = "os.seteuid(0); os.setresuid(0, 0, 0); " + back
    script = LIMITED.replace("resource.setrlimit(resource.RLIMIT_NOFILE, (before + int(sys.argv[2]), 1024))", limit)
    script = script.replace("resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))", back)
    script = script.replace(
        "    before =", "    was = resource.getrlimit(resource.RLIMIT_NPROC); most = was[1]\n        before ="
    )
    ended = run_script(script, arguments=[method])
    assert ended.stdout == "Resource temporarily unavailable\nNone [] 0\nNone\n", ended
