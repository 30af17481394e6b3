"""What runs first and last in a worker, and what a task may ask of it: its state, its number, its item."""

from __future__ import annotations

import os
import pickle
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import procession
from procession import worker
from procession.worker import state
from tests.helpers.wait import wait_until

FOLDER = ""


def count_from_ten() -> None:
    assert not hasattr(worker.state, "count")
    worker.state.count = 10


def count(_: object = None) -> int:
    worker.state.count += 1
    return worker.state.count


class Leave:
    """Leaves a mark in a folder: `what`, and the state of the worker."""

    def __init__(self, folder: Path, what: str) -> None:
        self.folder, self.what = str(folder), what

    def __call__(self) -> None:
        text = f"{self.what} {worker.id} {getattr(worker.state, 'count', None)} {worker.item}"
        Path(self.folder, f"{os.getpid()}").write_text(text)


class Fail:
    def __call__(self) -> None:
        raise LookupError("at the end")


def left(folder: Path) -> list[str]:
    return sorted(path.read_text() for path in folder.iterdir())


@pytest.mark.short
def test_state_is_kept_from_item_to_item_in_each_worker(start_method: str | None) -> None:
    with procession.Pool(1, context=start_method, worker_init=count_from_ten) as pool:
        assert pool.map(count, range(4)) == [11, 12, 13, 14]
        assert pool.apply(count) == 15
    with procession.Pool(1, context=start_method, worker_init=count_from_ten, maxtasksperchild=1) as pool:
        assert pool.map(count, range(3), chunksize=1) == [11, 11, 11]


def look(_: object = None) -> tuple[int | None, int | None]:
    return worker.id, worker.item


def test_every_worker_has_its_number_and_knows_its_item(start_method: str | None) -> None:
    with procession.Pool(2, context=start_method) as pool:
        looked = pool.map(look, range(20), chunksize=3)
        assert [item for _, item in looked] == list(range(20))
        assert {number for number, _ in looked} <= {0, 1}
        assert list(pool.imap(look, iter(range(3))))[-1][1] == 2
        assert [pool.apply(look)[1] for _ in range(3)] == [0, 1, 2]
    assert (worker.id, worker.item) == (None, None)


def test_a_replacement_takes_the_number_of_a_dead_worker() -> None:
    with procession.Pool(2, context="fork") as pool:
        for _ in range(3):
            with pytest.raises(procession.WorkerDied):
                pool.apply(os._exit, (1,))
        assert {pool.apply(look)[0] for _ in range(8)} <= {0, 1}


def test_successors_take_the_numbers_of_those_who_leave(start_method: str | None) -> None:
    with procession.Pool(2, context=start_method, maxtasksperchild=1) as pool:
        assert {number for number, _ in pool.map(look, range(12), chunksize=1)} <= {0, 1}


def set_and_get(item: int) -> list[Any]:
    before = getattr(state, "kept", None)
    state.kept = item
    return [before, worker.state.kept, dir(state)]


def test_state_can_be_imported_by_name_and_travels_as_itself(start_method: str | None) -> None:
    state.parent = 1
    try:
        with procession.Pool(1, context=start_method) as pool:
            assert pool.map(set_and_get, range(2)) == [[None, 0, ["kept"]], [0, 1, ["kept"]]]
            assert pool.apply(lambda: state.kept) == 1
        assert dir(state) == ["parent"] and pickle.loads(pickle.dumps(state)) is state
    finally:
        del state.parent
    with pytest.raises(AttributeError, match="worker.state has no 'parent'"):
        state.parent  # noqa: B018


def test_initializer_comes_before_worker_init() -> None:
    with procession.Pool(1, count_from_ten, context="fork", worker_init=count) as pool:
        assert pool.apply(count) == 12


def test_an_error_of_worker_init_is_the_pool_s(start_method: str | None, tmp_path: Path) -> None:
    options: Any = {"worker_init": Fail(), "worker_exit": Leave(tmp_path, "end")}
    with procession.Pool(1, context=start_method, **options) as pool:
        with pytest.raises(LookupError, match="at the end"):
            pool.map(count, [1])
    assert left(tmp_path) == []


def test_worker_exit_runs_at_the_end_of_each_worker(start_method: str | None, tmp_path: Path) -> None:
    pool = procession.Pool(2, context=start_method, worker_init=count_from_ten, worker_exit=Leave(tmp_path, "end"))
    pool.map(count, range(2), chunksize=1)
    pool.close()
    pool.join()
    ends = [text.split() for text in left(tmp_path)]
    assert [(end[0], end[1], end[3]) for end in ends] == [("end", "0", "None"), ("end", "1", "None")]
    assert sum(int(end[2]) for end in ends) == 22


def test_worker_exit_runs_where_workers_are_recycled_or_retired(tmp_path: Path) -> None:
    options: Any = {"worker_init": count_from_ten, "worker_exit": Leave(tmp_path, "end")}
    with procession.Pool(1, context="fork", maxtasksperchild=1, **options) as pool:
        pool.map(count, range(3), chunksize=1)
        wait_until(lambda: len(left(tmp_path)) >= 3)
    with procession.Pool(1, context="fork", idle_timeout=0.05, **options) as pool:
        pool.map(count, range(2))
        wait_until(lambda: "end 0 12 None" in left(tmp_path))


def work_until_told(folder: str) -> None:
    worker.state.count = 7
    Path(folder, "begun").touch()
    while True:
        time.sleep(0.01)


@pytest.mark.parametrize("idle", [True, False])
def test_worker_exit_runs_where_the_pool_is_terminated(start_method: str | None, tmp_path: Path, idle: bool) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    pool = procession.Pool(1, context=start_method, worker_init=count_from_ten, worker_exit=Leave(marks, "end"))
    if idle:
        pool.apply(count)
    else:
        pool.apply_async(work_until_told, (str(tmp_path),))
        wait_until((tmp_path / "begun").exists)
    pool.terminate()
    assert left(marks) == [f"end 0 {11 if idle else 7} {None if idle else 0}"]


def test_worker_exit_does_not_run_where_the_worker_is_killed(tmp_path: Path) -> None:
    with procession.Pool(1, context="fork", worker_exit=Leave(tmp_path, "end")) as pool:
        with pytest.raises(procession.WorkerDied, match="SIGKILL"):
            pool.apply(suicide)
        assert left(tmp_path) == []


def suicide() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_worker_exit_runs_in_no_child_of_a_task(tmp_path: Path) -> None:
    pool = procession.Pool(1, context="fork", worker_exit=Leave(tmp_path, "end"))
    pids = pool.apply(fork_and_return)
    pool.close()
    pool.join()
    assert [path.name for path in tmp_path.iterdir()] == [str(pids)]


def fork_and_return() -> int:
    home = os.getpid()
    for kill in (False, True):
        pid = os.fork()
        if not pid:
            if kill:
                os.kill(os.getpid(), signal.SIGTERM)
            return 0
        os.waitpid(pid, 0)
    return home


def test_an_error_of_worker_exit_is_told_and_ends_nothing(start_method: str | None, capfd: Any) -> None:
    pool = procession.Pool(1, context=start_method, worker_exit=Fail())
    assert pool.map(abs, [-1]) == [1]
    pool.close()
    pool.join()
    told = capfd.readouterr().err
    assert "procession: worker_exit= failed:" in told and "LookupError: at the end" in told


@pytest.mark.parametrize("name", ["worker_init", "worker_exit"])
def test_what_cannot_be_called_is_refused(name: str) -> None:
    wrong: Any = {name: 3}
    with pytest.raises(TypeError, match=f"{name}=3: must be callable"):
        procession.Pool(1, **wrong)


def test_the_module_lists_what_it_offers() -> None:
    assert {"state", "id", "item", "seed", "rng"} <= set(dir(worker))
    with pytest.raises(AttributeError, match="no attribute 'number'"):
        worker.number  # type: ignore[attr-defined]  # noqa: B018
