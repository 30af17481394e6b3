"""Log records of workers reach the handlers of the pool's process: once, in order, and nobody waits for them."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import procession
from procession.wire import records
from tests.helpers.wait import wait_until

LOG = logging.getLogger("tests.worker.records")
APART = logging.getLogger("tests.worker.apart")


class Kept(logging.Handler):
    """Keeps the records that it gets, and in which process."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        assert os.getpid() == HOME
        self.records.append(record)

    def texts(self) -> list[str]:
        return [record.getMessage() for record in self.records]


HOME = os.getpid()


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler = Kept()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def say(item: int) -> int:
    for number in range(3):
        LOG.info("item %d says %d", item, number)
    return item


def say_much(count: int) -> None:
    for number in range(count):
        LOG.info("%d", number)


class Unpicklable:
    def __init__(self) -> None:
        self.lock = threading.Lock()

    def __repr__(self) -> str:
        return "<a lock>"


def say_difficult_things(_: object) -> None:
    LOG.warning("argument %s", Unpicklable(), extra={"own": Unpicklable(), "colour": ("red", 3)})
    try:
        raise LookupError("nothing there")
    except LookupError:
        LOG.exception("failed", stack_info=True)


@pytest.mark.short
def test_records_reach_this_process_in_order_and_before_the_results(start_method: str | None, kept: Kept) -> None:
    with procession.Pool(2, context=start_method) as pool:
        assert pool.map(say, range(4), chunksize=1) == [0, 1, 2, 3]
        texts = kept.texts()
        for item in range(4):
            assert [text for text in texts if text.startswith(f"item {item} ")] == [
                f"item {item} says {number}" for number in range(3)
            ]
        assert pool.apply(say, (7,)) == 7
        assert kept.texts()[-1] == "item 7 says 2"
        assert len(kept.records) == 15
    record = kept.records[0]
    assert record.process != HOME and "PoolWorker-" in str(record.processName)
    assert (record.name, record.levelname, record.funcName) == (LOG.name, "INFO", "say")


def test_what_cannot_travel_is_a_text(start_method: str | None, kept: Kept) -> None:
    with procession.Pool(1, context=start_method) as pool:
        pool.map(say_difficult_things, [0])
    first, second = kept.records
    assert first.getMessage() == "argument <a lock>"
    assert first.own == "<a lock>" and first.colour == ("red", 3)  # type: ignore[attr-defined]
    assert "LookupError: nothing there" in str(second.exc_text) and second.exc_info is None
    assert "say_difficult_things" in str(second.stack_info)


def test_levels_are_this_process_s(start_method: str | None, kept: Kept) -> None:
    LOG.setLevel(logging.ERROR)
    other = logging.getLogger("tests.worker.other")
    other.setLevel(logging.DEBUG)
    try:
        with procession.Pool(1, context=start_method) as pool:
            assert pool.apply(enabled, (LOG.name,)) == [False, False, False, True]
            assert pool.apply(enabled, (other.name,)) == [True, True, True, True]
            assert pool.apply(enabled, ("somewhere.else",)) == [False, True, True, True]
            pool.map(say, range(3))
        assert kept.records == []
    finally:
        LOG.setLevel(logging.NOTSET)
        other.setLevel(logging.NOTSET)


def enabled(name: str) -> list[bool]:
    logger = logging.getLogger(name)
    return [logger.isEnabledFor(level) for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)]


def test_a_level_that_rises_later_holds_here(kept: Kept) -> None:
    with procession.Pool(1, context="fork") as pool:
        pool.apply(say, (0,))
        LOG.setLevel(logging.ERROR)
        try:
            pool.apply(say, (1,))
        finally:
            LOG.setLevel(logging.NOTSET)
    assert len(kept.records) == 3


def say_apart(_: object) -> None:
    APART.warning("apart")


def test_a_logger_that_does_not_propagate_has_its_handlers_here(start_method: str | None, kept: Kept) -> None:
    mine = Kept()
    APART.addHandler(mine)
    APART.propagate = False
    try:
        with procession.Pool(1, context=start_method) as pool:
            pool.map(say_apart, [0])
    finally:
        APART.removeHandler(mine)
        APART.propagate = True
    assert mine.texts() == ["apart"] and kept.texts() == []


def test_who_does_not_want_it_has_what_multiprocessing_has(capfd: Any, kept: Kept) -> None:
    with procession.Pool(1, context="spawn", logging=False) as pool:
        pool.map(say_difficult_things, [0])
    assert kept.records == []
    assert "argument <a lock>" in capfd.readouterr().err


SCRIPT = """
    import logging, sys, procession

    def work(n):
        logging.getLogger("lib").info("from %d", n)
        logging.warning("plainly %d", n)
        return n

    {before}
    if __name__ == "__main__":
        {inside}
        with procession.Pool(1, context={method!r}{options}) as pool:
            pool.map(work, [1])
            pool.close()
            pool.join()
"""


@pytest.mark.parametrize("method", ["fork", "nursery", "spawn", "forkserver"])
@pytest.mark.parametrize("where", ["before", "inside"])
def test_a_configured_program_prints_each_record_once(run_script: Any, method: str, where: str) -> None:
    configure = "logging.basicConfig(level='INFO', format='%(name)s: %(message)s')"
    parts = {"before": "", "inside": "", where: configure}
    done = run_script(SCRIPT.format(method=method, options="", **parts))
    assert done.stderr == "lib: from 1\nroot: plainly 1\n", done


@pytest.mark.parametrize("method", ["fork", "nursery", "spawn", "forkserver"])
def test_a_program_that_configures_nothing_prints_warnings(run_script: Any, method: str) -> None:
    done = run_script(SCRIPT.format(method=method, before="", inside="", options=""))
    assert done.stderr == "plainly 1\n", done


@pytest.mark.parametrize("method", ["fork", "nursery", "spawn", "forkserver"])
def test_a_worker_that_configures_itself_writes_itself_and_not_twice(run_script: Any, method: str) -> None:
    before = """
    def start(kind):
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("worker %(name)s: %(message)s"))
        if kind == "basic":
            logging.basicConfig(level="INFO", handlers=[handler])
        else:
            logging.getLogger().addHandler(handler)
            logging.getLogger().setLevel("INFO")
    """
    inside = "logging.basicConfig(level='INFO', format='%(name)s: %(message)s')"
    for kind in ("basic", "added"):
        options = f", initializer=start, initargs=[{kind!r}]"
        done = run_script(SCRIPT.format(method=method, before=before, inside=inside, options=options))
        assert done.stderr == "worker lib: from 1\nworker root: plainly 1\n", done


def test_the_child_of_a_task_logs_as_it_would_without_us(run_script: Any) -> None:
    done = run_script("""
        import logging, os, procession

        def work(n):
            pid = os.fork()
            if not pid:
                logging.warning("in the child")
                os._exit(0)
            os.waitpid(pid, 0)
            logging.warning("in the worker")

        logging.basicConfig(format="%(message)s")
        with procession.Pool(1, context="fork") as pool:
            pool.map(work, [1])
    """)
    assert done.stderr == "in the child\nin the worker\n", done


def test_logging_that_nobody_imported_is_not_imported(run_script: Any) -> None:
    done = run_script("""
        import sys, procession

        def work(n):
            return "logging" in sys.modules

        for method in ("fork", "nursery"):
            with procession.Pool(1, context=method) as pool:
                print(pool.map(work, [1]), "logging" in sys.modules)
    """)
    assert done.stdout == "[False] False\n" * 2, done


def test_a_slow_handler_stops_no_item_and_what_is_dropped_is_told(kept: Kept, tmp_path: Path) -> None:
    free = threading.Event()
    held = Held(free)
    LOG.addHandler(held)
    try:
        with procession.Pool(1, context="fork") as pool:
            result = pool.apply_async(log_much, (str(tmp_path / "done"),))
            wait_until(lambda: held.waiting, message="the first record")
            # Nobody reads the worker's channel now; it goes on to the end of its item all the same.
            wait_until((tmp_path / "done").exists, 60)
            free.set()
            count = result.get()
            wait_until(lambda: any("were dropped" in text for text in kept.texts()), message="the notice")
    finally:
        LOG.removeHandler(held)
    notice = next(text for text in kept.texts() if "were dropped" in text)
    seen = [text for text in kept.texts() if text.startswith("line ")]
    assert seen == [f"line {number}" for number in range(len(seen))]  # in order, the last ones are missing
    assert len(seen) + int(notice.split()[0]) == count


class Held(logging.Handler):
    """Holds up who hands it a record."""

    def __init__(self, free: threading.Event) -> None:
        super().__init__()
        self.waiting = False
        self._free = free

    def emit(self, record: logging.LogRecord) -> None:
        self.waiting = True
        self._free.wait(60)


def log_much(done: str) -> int:
    count = 12_000
    for number in range(count):
        LOG.info("line %d", number)
    open(done, "w").close()
    return count


def log_in_threads(count: int) -> None:
    threads = [threading.Thread(target=say_much, args=(count,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    say_much(count)
    for thread in threads:
        thread.join()


def test_threads_of_a_task_log_too(start_method: str | None, kept: Kept) -> None:
    with procession.Pool(2, context=start_method) as pool:
        pool.map(log_in_threads, [100, 100], chunksize=1)
    assert len(kept.records) == 2 * 5 * 100
    assert {record.threadName for record in kept.records} > {"MainThread"}


def test_what_initializer_and_exit_log_arrives(start_method: str | None, kept: Kept) -> None:
    pool = procession.Pool(1, say, (1,), context=start_method, worker_exit=say_goodbye)
    pool.close()
    pool.join()
    assert kept.texts() == [*(f"item 1 says {number}" for number in range(3)), "goodbye"]


def say_goodbye() -> None:
    LOG.info("goodbye")


def test_a_handler_may_not_wait_for_its_own_pool(kept: Kept, capfd: Any) -> None:
    class Asks(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                pool.apply(abs, (-1,))
            except RuntimeError as error:
                errors.append(str(error))

    errors: list[str] = []
    handler = Asks()
    LOG.addHandler(handler)
    try:
        with procession.Pool(1, context="fork") as pool:
            assert pool.map(say, [1]) == [1]
    finally:
        LOG.removeHandler(handler)
    assert len(errors) == 3 and "callback" in errors[0]


def test_records_of_a_pool_in_a_pool_come_all_the_way(kept: Kept) -> None:
    with procession.Pool(1, context="fork") as pool:
        pool.apply(say_in_a_pool)
    assert kept.texts() == [f"item 5 says {number}" for number in range(3)]


def say_in_a_pool() -> None:
    with procession.Pool(1, context="fork") as pool:
        pool.apply(say, (5,))


def test_a_record_survives_the_way() -> None:
    record = logging.LogRecord("a.b", logging.INFO, "/x/y.py", 7, "%s and %s", ("one", 2), None, "f")
    record.custom = {"a": [1]}
    (copy,) = records.unpack(records.pack(record, "Name-1"))
    assert copy.getMessage() == "one and 2" and copy.custom == {"a": [1]}  # type: ignore[attr-defined]
    assert (copy.lineno, copy.pathname, copy.created) == (7, "/x/y.py", record.created)
