"""`joblib.Parallel` on our backend does what it does on joblib's own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joblib import Memory, Parallel, delayed, effective_n_jobs, parallel_config

import procession.joblib
from procession import WorkerDied
from tests.helpers import processes, scripts
from tests.helpers.scripts import Finished
from tests.helpers.wait import wait_until
from tests.joblib import functions as work

pytestmark = pytest.mark.limit(60)


def call(function: Callable[..., Any], inputs: Any, **options: Any) -> Any:
    return Parallel(**{"n_jobs": 2, "backend": "procession", **options})(delayed(function)(each) for each in inputs)


@pytest.mark.short
def test_results_in_order_from_other_processes() -> None:
    offset = 7
    assert call(work.square, range(1000)) == [n * n for n in range(1000)]
    assert call(lambda n: n + offset, range(10)) == list(range(7, 17))
    with parallel_config(backend="procession", n_jobs=2):
        pids = set(Parallel()(delayed(work.pid)() for _ in range(20)))
    assert os.getpid() not in pids and 1 <= len(pids) <= 2


def test_generators() -> None:
    assert list(call(work.square, range(50), return_as="generator")) == [n * n for n in range(50)]
    assert sorted(call(work.square, range(50), return_as="generator_unordered")) == [n * n for n in range(50)]


def test_unordered_generator_gives_what_is_done_first(tmp_path: Path) -> None:
    paths = [tmp_path / "late", tmp_path / "early"]
    paths[1].touch()
    results = call(work.wait_for_file, paths, return_as="generator_unordered")
    first = next(results)
    paths[0].touch()
    assert next(results) != first


def test_endless_input_is_read_as_it_is_needed() -> None:
    read: list[int] = []

    def numbers() -> Any:
        for number in range(10**9):
            read.append(number)
            yield number

    results = call(work.square, numbers(), return_as="generator", batch_size=1)
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        results.close()
    assert any("cancelled" in str(each.message) for each in told)
    assert len(read) < 10**6


@pytest.mark.short
def test_error_is_raised_and_the_next_call_works() -> None:
    with pytest.raises(KeyError, match="3") as caught:
        call(work.fail_at_three, range(100))
    assert "fail_at_three" in str(caught.value.__cause__)  # the worker's traceback
    assert call(work.square, range(10)) == [n * n for n in range(10)]


@pytest.mark.short
def test_killed_worker_is_named_with_the_users_function_and_the_next_call_works() -> None:
    with pytest.raises(WorkerDied, match=r"die_at_three\(3\)\): worker \d+ was killed by SIGKILL"):
        call(work.die_at_three, range(10), batch_size=1)
    with pytest.raises(WorkerDied, match=r"die_at_three\(0\) and 4 more"):
        call(work.die_at_three, range(10), batch_size=5, pre_dispatch="all")
    assert call(work.square, range(10)) == [n * n for n in range(10)]


def test_error_ends_what_runs_beside_it(tmp_path: Path) -> None:
    def act(number: int) -> None:
        if number:
            work.begin_and_wait(tmp_path, number)
        wait_until(lambda: list(tmp_path.iterdir()))
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        call(act, range(2))
    (path,) = tmp_path.iterdir()
    assert not processes.running(int(path.name.partition("-")[2]))


def test_error_of_the_input_is_raised() -> None:
    def numbers() -> Any:
        yield from range(20)
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        call(work.square, numbers())


def test_what_cannot_be_pickled_is_an_error() -> None:
    with pytest.raises(TypeError, match="pickle"):
        call(work.square, [threading.Lock()])
    assert call(work.square, [3]) == [9]


def test_timeout_ends_the_call(tmp_path: Path) -> None:
    with pytest.raises(multiprocessing.TimeoutError):
        call(work.wait_for_file, [tmp_path / "never"] * 2, timeout=0.1)
    assert call(work.square, range(3), timeout=60) == [0, 1, 4]


def test_dropped_generator_ends_its_workers(tmp_path: Path) -> None:
    results = call(lambda n: work.begin_and_wait(tmp_path, n), range(1, 3), return_as="generator")
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        del results
    pids = [int(path.name.partition("-")[2]) for path in tmp_path.iterdir()]
    wait_until(lambda: not any(map(processes.running, pids)))


def test_one_parallel_is_used_again_and_after_an_error() -> None:
    with Parallel(n_jobs=2, backend="procession") as parallel:
        first, second = (set(parallel(delayed(work.pid)() for _ in range(100))) for _ in range(2))
        assert first & second
        for _ in range(5):
            with pytest.raises(KeyError):
                parallel(delayed(work.fail_at_three)(n) for n in range(10))
            assert parallel(delayed(work.square)(n) for n in range(10)) == [n * n for n in range(10)]


def test_error_in_one_thread_costs_the_other_nothing(tmp_path: Path) -> None:
    found: list[Any] = []
    gates = [tmp_path / "gate"] * 2
    thread = threading.Thread(target=lambda: found.extend(call(work.wait_for_file, gates, batch_size=1)))
    thread.start()
    with pytest.raises(KeyError):
        call(work.fail_at_three, range(10))
    assert call(work.square, range(10)) == [n * n for n in range(10)]
    gates[0].touch()
    thread.join(30)
    assert len(found) == 2 and os.getpid() not in found


def test_number_of_jobs() -> None:
    import joblib

    cpus = joblib.cpu_count()
    with parallel_config(backend="procession"):
        asked = {1: 1, 2: 2, 5: 5, None: 1, -1: cpus, -2: max(1, cpus - 1), -1000: 1}
        assert {each: effective_n_jobs(each) for each in asked} == asked
        with pytest.raises(ValueError, match="n_jobs == 0"):
            effective_n_jobs(0)
    assert call(work.pid, range(3), n_jobs=1) == [os.getpid()] * 3
    assert call(work.square, []) == []


def test_inner_threads() -> None:
    name = "OMP_NUM_THREADS"
    with parallel_config(backend="procession", n_jobs=2, inner_max_num_threads=3):
        assert Parallel()(delayed(work.variable)(name) for _ in range(2)) == ["3", "3"]
    assert os.environ.get(name) != "3"


def test_inner_threads_are_the_cpus_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    import joblib

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert call(work.variable, ["OMP_NUM_THREADS"] * 2) == [str(max(1, joblib.cpu_count() // 2))] * 2
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert call(work.variable, ["OMP_NUM_THREADS"] * 2) == ["5"] * 2


def test_options_of_other_backends_do_no_harm(tmp_path: Path) -> None:
    options = {"temp_folder": str(tmp_path), "max_nbytes": "1K", "mmap_mode": "c", "verbose": 0, "prefer": "processes"}
    assert call(work.square, range(4), **options) == [0, 1, 4, 9]
    assert list(tmp_path.iterdir()) == []
    with parallel_config(backend="procession", n_jobs=2, temp_folder=str(tmp_path)):
        assert Parallel(require="sharedmem")(delayed(work.pid)() for _ in range(2)) == [os.getpid()] * 2  # threads
    with pytest.raises(TypeError, match="colour"):
        call(work.square, range(4), colour="red")


def test_large_arrays_arrive_writable() -> None:
    import numpy

    array = numpy.ones(1_000_000)

    def fill(given: Any) -> float:
        given[:10] = 0
        return float(given.sum())

    assert call(fill, [array, array]) == [999_990.0] * 2
    assert array.sum() == 1_000_000


def test_initializer() -> None:
    with parallel_config(backend="procession", n_jobs=2, initializer=work.mark, initargs=(4,)):
        assert Parallel()(delayed(work.read_marks)() for _ in range(4)) == [[4]] * 4
    assert work.marks == []


def test_start_method() -> None:
    work.marks.append(1)
    try:
        with parallel_config(backend="procession", n_jobs=2, context="fork"):
            assert Parallel()(delayed(work.read_marks)() for _ in range(2)) == [[1]] * 2
        assert call(work.read_marks, range(2)) == [[]] * 2  # the clean nursery knows nothing of it
    finally:
        work.marks.clear()


def test_joblibs_own_pool_takes_our_contexts(run_script: Callable[..., Finished]) -> None:
    done = run_script("""
        from joblib import Parallel, delayed
        import procession

        def square(n):
            return n * n

        if __name__ == "__main__":
            for context in (procession, *map(procession.get_context, ("fork", "forkserver", "spawn"))):
                print(Parallel(n_jobs=2, backend=context)(delayed(square)(n) for n in range(4)))
    """)
    assert done.returncode == 0 and done.stdout == "[0, 1, 4, 9]\n" * 4


def test_ctrl_c_ends_the_call_and_the_next_works(tmp_path: Path) -> None:
    script = scripts.write_script(
        tmp_path,
        """
        import os, time
        from joblib import Parallel, delayed
        import procession.joblib

        def wait(n):
            open(f"begun-{os.getpid()}", "w").close()
            time.sleep(60)

        try:
            Parallel(n_jobs=2, backend="procession")(delayed(wait)(n) for n in range(10))
        except KeyboardInterrupt:
            print(Parallel(n_jobs=2, backend="procession")(delayed(pow)(n, 2) for n in range(4)))
        """,
    )
    with open(tmp_path / "stdout", "w") as output:
        program = subprocess.Popen(
            [sys.executable, str(script)], cwd=tmp_path, env=scripts.environment(), stdout=output
        )
    wait_until(lambda: len(list(tmp_path.glob("begun-*"))) == 2)
    program.send_signal(signal.SIGINT)
    assert program.wait(30) == 0 and (tmp_path / "stdout").read_text() == "[0, 1, 4, 9]\n"
    assert not any(processes.running(int(path.name.partition("-")[2])) for path in tmp_path.glob("begun-*"))


def test_memory_is_untouched(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    cached = Memory(tmp_path / "cache", verbose=0).cache(work.add_file)
    for _ in range(2):
        results = Parallel(n_jobs=2, backend="procession")(delayed(cached)(calls, n) for n in range(6))
        assert results == [n * n for n in range(6)]
    assert len(list(calls.iterdir())) == 6


def test_missing_joblib_is_named(run_script: Callable[..., Finished]) -> None:
    done = run_script("""
        import sys
        sys.modules["joblib"] = None
        import procession.joblib
    """)
    assert done.returncode == 1 and "pip install 'procession[joblib]'" in done.stderr


def test_close_without_a_call_does_nothing() -> None:
    procession.joblib.close()
    procession.joblib.close()
