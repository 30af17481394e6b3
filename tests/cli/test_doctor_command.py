"""`procession doctor`."""

from __future__ import annotations

import json

from tests.cli.conftest import Run


def test_the_limits_that_won_and_a_worker_that_works(run: Run) -> None:
    finished = run("doctor", environ={"PROCESSION_WORKERS": "3"})
    assert finished.returncode == 0 and finished.stderr == ""
    lines = dict(line.split(maxsplit=1) for line in finished.stdout.splitlines())
    assert lines["workers"] == "3, by PROCESSION_WORKERS"
    assert {"/dev/shm", "descriptors", "Pillow", "python", "start"} <= set(lines)
    assert "a worker          started and answered in " in finished.stdout


def test_json(run: Run) -> None:
    found = json.loads(run("doctor", "--json").stdout)
    assert found["workers"] >= 1 and found["worker_error"] is None and found["packages"]["click"]


def test_a_wrong_variable_is_named(run: Run) -> None:
    finished = run("doctor", environ={"PROCESSION_WORKERS": "none"})
    assert finished.returncode == 2 and "PROCESSION_WORKERS" in finished.stderr
