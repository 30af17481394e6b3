"""Serial: each item runs in the thread of its caller; debugger, profiler and Ctrl-C work as in a plain loop."""

from __future__ import annotations

import itertools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import procession
from procession import Pool, worker
from tests.helpers.scripts import Finished, write_script
from tests.helpers.terminals import pty_session
from tests.pool import functions as work

pytestmark = pytest.mark.limit(60)


@pytest.fixture
def serial() -> Iterator[Pool]:
    with Pool(3, backend="serial") as pool:
        yield pool


def thread(_: object = None) -> int:
    return threading.get_ident()


@pytest.mark.short
def test_every_item_runs_in_the_thread_of_its_caller(serial: Pool) -> None:
    me = threading.get_ident()
    assert set(serial.map(thread, range(10))) == {me}
    assert set(serial.imap(thread, iter(range(10)))) == {me}
    assert serial.apply(thread) == serial.apply_async(thread).get() == serial.submit(thread).result() == me
    assert serial.size == serial._processes == 3  # what programs compute with is what was asked for


def test_of_eight_threads_each_runs_its_own(serial: Pool) -> None:
    wrong: list[object] = []

    def use() -> None:
        me = threading.get_ident()
        for _ in range(10):
            seen = {*serial.map(thread, range(5)), *serial.imap(thread, range(5)), serial.submit(thread).result()}
            if seen != {me}:
                wrong.append(seen)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong


def test_async_calls_have_ended_when_they_return(serial: Pool) -> None:
    assert serial.apply_async(work.square, (3,)).ready()
    assert serial.map_async(work.square, range(3)).ready()
    assert serial.submit(work.square, 3).done()


def test_lazy_call_reads_one_item_for_each_result(serial: Pool) -> None:
    log: list[str] = []

    def source() -> Iterator[int]:
        for number in itertools.count():
            log.append(f"read {number} in {threading.current_thread().name}")
            yield number

    iterator = serial.imap(lambda number: log.append(f"ran {number}"), source())
    assert log == []
    next(iterator)
    next(iterator)
    assert log == ["read 0 in MainThread", "ran 0", "read 1 in MainThread", "ran 1"]
    iterator.close()


def test_initializer_runs_in_the_thread_that_makes_the_pool() -> None:
    seen: list[int] = []
    with Pool(1, lambda: seen.append(threading.get_ident()), backend="serial"):
        assert seen == [threading.get_ident()]


def test_callback_runs_before_the_call_returns(serial: Pool) -> None:
    told: list[object] = []
    serial.apply_async(work.square, (3,), None, lambda value: told.append((value, threading.get_ident())))
    assert told == [(9, threading.get_ident())]


def test_item_that_submits_is_ended_before_what_it_submits(serial: Pool) -> None:
    order: list[str] = []

    def outer() -> None:
        serial.apply_async(order.append, ("inner",))
        order.append("outer")

    serial.apply(outer)
    assert order == ["outer", "inner"]


@pytest.mark.short
@pytest.mark.parametrize("name", ["map", "map_async", "imap", "apply", "submit"])
def test_ctrl_c_in_an_item_ends_the_call_and_not_the_pool(serial: Pool, name: str) -> None:
    ran: list[int] = []

    def interrupt_at_two(item: int) -> int:
        ran.append(item)
        if item == 2:
            signal.raise_signal(signal.SIGINT)
        return item

    calls: dict[str, Callable[[], object]] = {
        "map": lambda: serial.map(interrupt_at_two, range(6)),
        "map_async": lambda: serial.map_async(interrupt_at_two, range(6), 6),
        "imap": lambda: list(serial.imap(interrupt_at_two, range(6))),
        "apply": lambda: [serial.apply(interrupt_at_two, (item,)) for item in range(6)],
        "submit": lambda: [serial.submit(interrupt_at_two, item) for item in range(6)],
    }
    with pytest.raises(KeyboardInterrupt):
        calls[name]()
    assert ran == [0, 1, 2]
    assert serial.map(work.square, range(4)) == [0, 1, 4, 9]
    assert serial.apply(work.square, (3,)) == 9


def test_interrupted_iterator_is_at_its_end(serial: Pool) -> None:
    iterator = serial.imap(lambda item: signal.raise_signal(signal.SIGINT) if item == 1 else item, itertools.count())
    assert next(iterator) == 0
    with pytest.raises(KeyboardInterrupt):
        next(iterator)
    assert list(iterator) == []


def test_what_a_signal_handler_raises_ends_the_call(serial: Pool) -> None:
    class Alarm(Exception):
        pass

    def ring(number: int, frame: object) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    try:
        with pytest.raises(Alarm):
            serial.map(lambda item: signal.raise_signal(signal.SIGALRM), range(3))
    finally:
        signal.signal(signal.SIGALRM, before)


def test_ctrl_c_in_the_initializer() -> None:
    with pytest.raises(KeyboardInterrupt):
        Pool(1, lambda: signal.raise_signal(signal.SIGINT), backend="serial")


@pytest.mark.filterwarnings("ignore:Exception ignored in")  # where it strikes in a destructor Python itself loses it
def test_ctrl_c_at_any_moment_leaves_nothing_that_hangs() -> None:
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    interrupted = 0
    try:
        for turn in range(80):
            pool = Pool(1, backend="serial")
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0001 + turn * 0.00007)
                pool.map(abs, range(3000))
                list(pool.imap(abs, iter(range(100))))
                pool.apply(abs, (1,))
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupted += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            try:
                assert pool.map(work.square, range(5)) == [0, 1, 4, 9, 16]
                assert list(pool.imap(work.square, range(5))) == [0, 1, 4, 9, 16]
            except (ValueError, procession.PoolTerminated):
                pass  # it struck in our own code: the pool has ended, and says so
            pool.terminate()
            pool.join()
            assert worker.id is None, "this thread is still taken for a worker"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted > 10


def test_terminate_while_another_thread_runs_an_item() -> None:
    pool = Pool(1, backend="serial")
    begun, gate = threading.Event(), threading.Event()
    ended: list[object] = []

    def use() -> None:
        try:
            pool.map(lambda _: (begun.set(), gate.wait(1)), range(3))
        except BaseException as error:
            ended.append(error)

    runner = threading.Thread(target=use)
    runner.start()
    assert begun.wait(10)
    pool.terminate()
    gate.set()
    runner.join(10)
    assert [type(each) for each in ended] == [procession.PoolTerminated]


def test_breakpoint_stops_in_the_item(tmp_path: Path) -> None:
    script = write_script(
        tmp_path,
        """
        import procession

        def halve(number):
            if number == 4:
                breakpoint()
            return number // 2

        print("results", procession.map(halve, [2, 4, 6], backend="serial"))
        """,
    )
    with pty_session([sys.executable, str(script)], tmp_path, {"PYTHONBREAKPOINT": None}) as terminal:
        terminal.read_until("(Pdb) ")
        terminal.press("p 'number is', number\n")
        terminal.read_until("('number is', 4)")
        place = len(terminal.screen)
        terminal.press("w\n")
        terminal.read_until("<module>", after=place)  # our frames stand between, and the program's above them
        terminal.press("number = 40\n")
        terminal.press("c\n")
        terminal.read_until("results [1, 20, 3]")
        assert terminal.wait() == 0


def test_quitting_the_debugger_ends_the_call(run_script: Callable[..., Finished]) -> None:
    finished = run_script(
        """
        import bdb
        import procession

        def stop(number):
            print("at", number)
            breakpoint()
            return number

        try:
            procession.map(stop, [1, 2, 3], backend="serial")
        except (bdb.BdbQuit, SystemExit) as error:
            print("ended by", type(error).__name__)
        """,
        stdin="q\n",
        environ={"PYTHONBREAKPOINT": None},
    )
    assert "at 1" in finished.stdout and "at 2" not in finished.stdout, finished
    assert "ended by" in finished.stdout, finished


def test_profiler_sees_the_items(serial: Pool) -> None:
    import cProfile
    import pstats

    profile = cProfile.Profile()
    profile.runcall(serial.map, work.square, range(7))
    calls = {key[2]: value[1] for key, value in pstats.Stats(profile).stats.items()}  # type: ignore[attr-defined]
    assert calls["square"] == 7


def test_prints_come_in_order(run_script: Callable[..., Finished]) -> None:
    finished = run_script(
        """
        import procession

        for square in procession.stream(lambda n: print("run", n) or n * n, range(3), backend="serial"):
            print("got", square)
        """
    )
    assert finished.stdout.split("\n") == ["run 0", "got 0", "run 1", "got 1", "run 2", "got 4", ""], finished


def test_forgotten_async_results_ran_all_the_same() -> None:
    ran: list[int] = []
    pool = Pool(1, backend="serial")
    for number in range(3):
        pool.apply_async(ran.append, (number,))
    pool.close()
    pool.join()
    assert ran == [0, 1, 2]


def test_two_pools_inside_each_other() -> None:
    with Pool(1, backend="serial") as outer, Pool(1, backend="serial") as inner:
        assert outer.map(lambda n: inner.map(work.square, range(n)), range(4)) == [[], [0], [0, 1], [0, 1, 4]]


def look_in_a_fork() -> tuple[int | None, list[str]]:
    worker.state.mine = True
    with Pool(1, context="fork") as pool:
        return pool.apply(lambda: (worker.id, dir(worker.state)))


def test_worker_that_an_item_forks_is_told_of_itself() -> None:
    with Pool(1, backend="serial") as pool:
        assert pool.apply(look_in_a_fork) == (0, [])
        assert pool.apply(lambda: dir(worker.state)) == ["mine"]
