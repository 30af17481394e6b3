"""`procession doctor`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from procession.cli import examination
from tests.cli.conftest import Run

pytestmark = pytest.mark.limit(60)


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("state") / "not yet"
    monkeypatch.setenv("PROCESSION_STATE", str(folder))
    return folder


def test_the_limits_that_won_and_workers_that_work(run: Run, state: Path) -> None:
    finished = run("doctor", environ={"PROCESSION_WORKERS": "3"})
    assert finished.returncode == 0 and finished.stderr == ""
    lines = {line[:18].strip(): line[18:] for line in finished.stdout.splitlines()}
    assert lines["workers"] == "3, by PROCESSION_WORKERS"
    assert {"/dev/shm", "descriptors", "processes", "python", "start method", "sqlite", "temporary folder"} <= set(
        lines
    )
    assert lines["state folder"].startswith(f"{state} (") and lines["state folder"].endswith("made when it is needed)")
    assert lines["extra images"].lower().startswith("pillow ") and not state.exists()
    for method in ("nursery", "fork", "spawn", "forkserver"):
        assert lines[f"by {method}"].startswith("a worker started and answered in ")


def test_json(run: Run) -> None:
    found = json.loads(run("doctor", "--json").stdout)
    assert found["workers"] >= 1 and found["worker_errors"] == {} and found["packages"]["click"]
    assert found["problems"] == [] and set(found["extras"]) >= {"images", "joblib", "lmdb"}


def test_a_wrong_variable_is_named(run: Run) -> None:
    finished = run("doctor", environ={"PROCESSION_WORKERS": "none"})
    assert finished.returncode == 2 and "PROCESSION_WORKERS" in finished.stderr


def test_a_state_folder_that_cannot_be(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finished = run("doctor", environ={"PROCESSION_STATE": str(tmp_path / "file" / "state")})
    assert finished.returncode == 1
    assert "\nPROBLEM " in finished.stdout and "is not a folder: set PROCESSION_STATE" in finished.stdout


def found(**changed: Any) -> dict[str, Any]:
    place = {"path": "/x", "there": True, "free_bytes": 1 << 40, "error": None}
    usual = {"workers": 8, "worker_errors": {}, "descriptors": 1024, "processes": None, "sqlite": "3.45.0"}
    return {**usual, "state_folder": place, "temporary_folder": place, **changed}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"descriptors": 64}, "ulimit -n 1024"),
        ({"workers": 500}, "ulimit -n 4064"),
        ({"processes": 20}, "ulimit -u"),
        ({"sqlite": None}, "--journal none"),
        ({"worker_errors": {"spawn": "OSError: no"}}, "start method spawn: OSError: no"),
        ({"state_folder": {"path": "/s", "there": True, "free_bytes": 5 << 20, "error": None}}, "/s: 5 MiB are left"),
        ({"temporary_folder": {"path": "/t", "there": True, "free_bytes": 0, "error": "full"}}, "/t: full: set TMPDIR"),
    ],
)
def test_problems(changed: dict[str, Any], says: str) -> None:
    (line,) = examination.problems(found(**changed))
    assert says in line


def test_no_problems() -> None:
    assert examination.problems(found()) == []
    assert examination.problems(found(descriptors=None, processes=4096)) == []
