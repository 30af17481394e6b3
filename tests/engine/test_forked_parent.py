"""The parent forks while a pool is open: the child neither disturbs it nor hangs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import procession
from tests.helpers import processes, scripts
from tests.helpers.wait import wait_until

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")

SCRIPT = """
    import os, sys, time
    import procession

    def square(number):
        return number * number

    def slow(number):
        time.sleep(0.2)
        return number

    def errors(pool, results):
        uses = {
            "map": lambda: pool.map(square, [1]),
            "apply": lambda: pool.apply(square, (1,)),
            "apply_async": lambda: pool.apply_async(square, (1,)),
            "submit": lambda: pool.submit(square, 1),
            "imap": lambda: pool.imap(square, [1]),
            "next": lambda: next(results[0]),
            "get": lambda: results[1].get(),
            "wait": lambda: results[2].wait(),
            "result": lambda: results[3].result(),
        }
        for name, use in uses.items():
            try:
                print("no error from", name, use())
            except RuntimeError as error:
                assert "belongs to the parent process" in str(error), error

    method = None if sys.argv[1] == "default" else sys.argv[1]
    with procession.Pool(2, context=method) as pool:
        results = [pool.imap(slow, range(4)), pool.map_async(slow, range(4))]
        results += [pool.apply_async(slow, (5,)), pool.submit(slow, 6)]
        child = os.fork()
        if not child:
            errors(pool, results)
            with procession.Pool(2, context=method) as own:
                print("child:", own.map(square, range(4)))
            pool.close()
            pool.terminate()
            sys.exit(5)  # out of the `with` of the parent's pool
        print("child's status:", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        print("parent:", list(results[0]), *[each.get() for each in results[1:3]], results[3].result())
        print(pool.map(square, range(4)))
"""


@pytest.mark.short
def test_a_forked_child_cannot_use_the_pool_and_does_not_disturb_it(
    run_script: Callable[..., scripts.Finished], start_method: str | None
) -> None:
    finished = run_script(SCRIPT, arguments=[start_method or "default"], flags=["-W", "ignore"])
    assert finished.stderr == ""
    assert finished.stdout.splitlines() == [
        "child: [0, 1, 4, 9]",
        "child's status: 5",
        "parent: [0, 1, 2, 3] [0, 1, 2, 3] 5 6",
        "[0, 1, 4, 9]",
    ]


def test_a_forked_child_keeps_no_descriptor_of_the_pool(run_script: Callable[..., scripts.Finished]) -> None:
    script = """
        import os
        import procession

        def open_descriptors():
            return [name for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}")]

        before = open_descriptors()
        with procession.Pool(2) as one, procession.Pool(2, context="nursery") as other:
            one.map(abs, [1])
            other.map(abs, [1])
            if not os.fork():
                print(open_descriptors() == before, flush=True)
                os._exit(0)
            os.wait()
    """
    finished = run_script(script, flags=["-W", "ignore"])
    assert (finished.stdout, finished.stderr) == ("True\n", "")


@pytest.mark.parametrize("method", [None, "nursery"])
def test_children_of_other_kinds_come_and_go(method: str | None) -> None:
    with procession.Pool(2, context=method) as pool:
        results = pool.map_async(abs, range(-3000, 0))
        for kind in ("fork", "spawn"):
            child = multiprocessing.get_context(kind).Process(target=abs, args=(1,))
            child.start()
            child.join()
            assert child.exitcode == 0
        subprocess.run(["true"], check=True)
        assert results.get() == list(range(3000, 0, -1))
        assert pool.map(abs, [-1]) == [1]


@pytest.mark.parametrize("method", [None, "nursery"])
def test_a_child_that_outlives_the_parent_keeps_no_worker_alive(tmp_path: Path, method: str | None) -> None:
    script = f"""
        import os, time
        import procession

        with procession.Pool(2, context={method!r}) as pool:
            pool.map(abs, [1])
            child = os.fork()
            if child:
                print(child, flush=True)
            time.sleep(300)
    """
    path = scripts.write_script(tmp_path, script)
    command = [sys.executable, "-W", "ignore", str(path)]
    with subprocess.Popen(command, env=scripts.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        others = [each for each in processes.descendants(process.pid) if each.pid != child]
        assert len(others) == 3
        process.kill()
        wait_until(lambda: not any(processes.running(each.pid) for each in others), 1.0, "nursery and workers ended")
        assert processes.running(child)
        os.kill(child, signal.SIGKILL)


def test_pools_made_at_the_same_time_do_not_hold_each_other_s_ends(tmp_path: Path) -> None:
    script = """
        import threading, time
        import procession

        def make():
            pools.append(procession.Pool(1))
            pools[-1].apply(abs, (1,))

        pools = []
        threads = [threading.Thread(target=make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print("ready", flush=True)
        time.sleep(300)
    """
    path = scripts.write_script(tmp_path, script)
    command = [sys.executable, "-W", "ignore", str(path)]
    with subprocess.Popen(command, env=scripts.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        there = processes.descendants(process.pid)
        assert len(there) == 16
        process.kill()
        wait_until(lambda: not any(processes.running(each.pid) for each in there), 1.0, "all have ended")


def test_a_fork_in_a_thread_while_the_pool_is_busy() -> None:
    statuses = []

    def fork_often() -> None:
        for _ in range(20):
            child = os.fork()
            if not child:
                os._exit(7)
            statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    with procession.Pool(2) as pool:
        thread = threading.Thread(target=fork_often, name="tests-forks")
        thread.start()
        while thread.is_alive():
            assert pool.map(abs, range(-200, 0)) == list(range(200, 0, -1))
            assert pool.apply(abs, (-1,)) == 1
        thread.join()
    assert statuses == [7] * 20
