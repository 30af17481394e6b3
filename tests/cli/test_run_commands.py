"""`resume`, `retry`, `runs`, `report`: what can be done with runs of earlier."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Run
from tests.helpers import scripts

COUNT = "lambda x: (open('count', 'a').write(x), int(x))[1]"  # leaves a trace of each call


def calls(folder: Path) -> str:
    return "".join(sorted((folder / "count").read_text()))


def test_resume_does_what_is_left_and_writes_all(run: Run, tmp_path: Path) -> None:
    first = run("map", "--name", "own", "--limit", "2", "-e", COUNT, "1", "2", "3", "4")
    assert first.stdout == "1\n2\n"
    again = run("resume", "own", "--limit", "4")
    assert again.stdout == "1\n2\n3\n4\n" and again.returncode == 0 and calls(tmp_path) == "1234"
    assert "4 done, 2 of these from the journal" in again.stderr
    assert run("resume").stdout == "1\n2\n3\n4\n" and calls(tmp_path) == "1234"


def test_the_same_command_is_a_new_run(run: Run, tmp_path: Path) -> None:
    call = ("map", "-e", COUNT, "1", "2")
    assert run(*call).stdout == run(*call).stdout == "1\n2\n"
    assert calls(tmp_path) == "1122"
    assert len(run("runs", "--json").stdout.splitlines()) == 2


def test_the_same_journal_is_the_same_run(run: Run, tmp_path: Path) -> None:
    call = ("map", "--journal", "run.db", "-e", COUNT)
    assert run(*call, "1", "2").stdout == "1\n2\n"
    assert run(*call, "2", "3", "1").stdout == "2\n3\n1\n" and calls(tmp_path) == "123"
    assert run("report", "run.db").returncode == 0


def test_resume_in_the_folder_of_the_run_with_what_was_set_there(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "tool.py").write_text("import os\ndef where(x): return os.path.basename(os.getcwd()) + x\n")
    set_then = {"PROCESSION_OUTPUT": "out.jsonl", "PROCESSION_MAP_LIMIT": "1"}
    assert run("map", "tool.py:where", "a", "b", environ=set_then).returncode == 0
    assert scripts.run_command([*COMMAND, "resume", "--limit", "2"], tmp_path / "sub").returncode == 0
    assert (tmp_path / "out.jsonl").read_text() == f'"{tmp_path.name}a"\n"{tmp_path.name}b"\n'


def test_retry_runs_the_failed_ones_again(run: Run, tmp_path: Path) -> None:
    code = "lambda x: [open('count', 'a').write(x), open(x).read()][1]"
    first = run("map", "-e", code, "a", "b")
    assert (
        first.returncode == 1 and "FileNotFoundError (2)" in first.stderr and "`procession retry map-" in first.stderr
    )
    (tmp_path / "b").write_text("text")
    assert run("resume").returncode == 1 and calls(tmp_path) == "ab"
    again = run("retry")
    assert again.stdout == '"text"\n' and again.returncode == 1 and calls(tmp_path) == "aabb"
    (tmp_path / "a").write_text("more")
    again = run("retry", "-j", "1")
    assert again.stdout == '"more"\n"text"\n' and again.returncode == 0 and calls(tmp_path) == "aaabb"


def test_standard_input_has_to_be_given_again(run: Run, tmp_path: Path) -> None:
    assert run("map", "--name", "piped", "--limit", "1", "-e", COUNT, stdin="1\n2\n").stdout == "1\n"
    refused = run("resume")
    assert (
        refused.returncode == 2 and "run piped has read standard input; give it the same again: ... |" in refused.stderr
    )
    assert run("resume", "--limit", "9", stdin="0\n1\n2\n").stdout == "0\n1\n2\n" and calls(tmp_path) == "012"


def test_a_shuffled_run_is_resumed_in_its_order(run: Run) -> None:
    numbers = [str(number) for number in range(30)]
    first = run("map", "--shuffle", "--limit", "9", "-e", "int", *numbers).stdout.split()
    again = run("resume", "--limit", "30").stdout.split()
    assert again[:9] == first and sorted(again, key=int) == numbers


def test_a_changed_function_is_told_and_done_anew_if_asked(run: Run, tmp_path: Path) -> None:
    tool = tmp_path / "tool.py"
    tool.write_text("def f(x): return x\n")
    run("map", "tool.py:f", "a")
    tool.write_text("def f(x): return x + '!'\n")
    told = run("resume")
    assert told.stdout == '"a"\n' and "the function has changed since" in told.stderr
    assert run("resume", "--rerun-changed").stdout == '"a!"\n'


@pytest.mark.limit(60)
def test_a_killed_command_is_resumed(run: Run, tmp_path: Path) -> None:
    code = "lambda x: [open('count', 'a').write(x + ' '), os.path.exists('go') or time.sleep(0.05), int(x)][2]"
    numbers = list(map(str, range(10, 60)))
    process = subprocess.Popen(
        [*COMMAND, "map", "-e", code, *numbers], cwd=tmp_path, env=scripts.environment(), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    first = [process.stdout.readline().decode() for _ in range(5)]
    process.kill()
    process.communicate()
    (tmp_path / "go").touch()
    assert json.loads(run("runs", "--json").stdout)["state"] == "killed"
    resumed = run("resume")
    assert resumed.stdout.split() == numbers and "".join(first).split() == numbers[:5]
    count = (tmp_path / "count").read_text().split()
    again = {number for number in numbers if count.count(number) > 1}
    assert not again & set(numbers[:5]) and resumed.returncode == 0  # what was told of is not done twice


def test_inputs_cannot_be_added(run: Run) -> None:
    run("map", "-e", "int", "1")
    name = json.loads(run("runs", "--json").stdout)["name"]
    finished = run("resume", name, "2")
    assert finished.returncode == 2 and "takes flags, and no inputs but those of the first time" in finished.stderr


@pytest.mark.parametrize("command", ["resume", "retry", "report"])
def test_a_run_that_is_not_there(refused: Callable[..., str], state: Path, command: str) -> None:
    state.mkdir()
    with pytest.raises(AssertionError, match="no such run"):
        refused(command, "nothing")
    with pytest.raises(AssertionError, match="there are no runs"):
        refused(command)


def test_a_name_is_taken_once(run: Run) -> None:
    assert run("map", "--name", "own", "-e", "int", "1").returncode == 0
    finished = run("map", "--name", "own", "-e", "int", "1")
    assert finished.returncode == 2 and "`procession resume own` goes on with it" in finished.stderr


def test_runs(run: Run, state: Path) -> None:
    assert run("runs").stderr == "no runs yet\n"
    run("map", "--name", "good", "-e", "int", "1", "2")
    run("map", "--name", "bad", "-e", "int", "1", "x")
    (state / "broken.db").write_text("nonsense" * 1000)
    rows = {row["name"]: row for row in map(json.loads, run("runs", "--json").stdout.splitlines())}
    assert [(rows["good"][key], rows["bad"][key]) for key in ("done", "failed", "left", "state")] == [
        (2, 1), (0, 1), (0, 0), ("done", "failed"),
    ]  # fmt: skip
    assert rows["good"]["command"] == "map --name good -e int 1 2" and "no journal" in rows["broken"]["state"]
    table = run("runs").stdout.splitlines()
    assert table[0].split() == ["RUN", "STATE", "DONE", "FAILED", "LEFT", "WHEN", "COMMAND"] and len(table) == 4


def test_old_runs_are_pruned(run: Run, state: Path) -> None:
    for number in range(22):
        name = state / f"old{number}.db"
        name.parent.mkdir(exist_ok=True)
        sqlite3.connect(name).close()
        name.write_bytes(b"x")
        os.utime(name, (number, number))
    pruned = run("runs", "--prune")
    assert sorted(pruned.stdout.split()) == ["old0", "old1"] and pruned.stderr == "2 journals taken away\n"
    assert len(list(state.iterdir())) == 20


def test_report(run: Run) -> None:
    run("map", "--name", "own", "-e", "lambda x: [time.sleep(float(x) / 10), 1 / int(x)]", "0", "3", "1", "x")
    finished = run("report")
    assert finished.returncode == 1 and finished.stderr == ""
    text = finished.stdout
    assert "run own: failed\n" in text and "2 done, 2 failed, 0 left; 1 session\n" in text
    assert "ZeroDivisionError (1)\n  '0': division by zero\n  the first one:\n    Traceback" in text
    assert "ValueError (1)\n" in text and "slowest:\n     0.3" in text and " s  '3'\n" in text and "workers:\n" in text
    told = json.loads(run("report", "own", "--json").stdout)
    assert (told["done"], told["failed"], told["left"], told["function"][:6]) == (2, 2, 0, "lambda")
    assert told["errors"]["ZeroDivisionError"]["count"] == 1 and told["slowest"][0]["item"] == "'3'"
    assert sum(worker["items"] for worker in told["workers"]) == 4


def test_report_of_the_errors_only(run: Run) -> None:
    run("map", "-e", "int", "1", "x", "y")
    text = run("report", "--errors", "--color", "always").stdout
    assert "'x': \x1b[31mValueError\x1b[0m: invalid literal" in text and text.count("Traceback") == 2
    rows = list(map(json.loads, run("report", "--errors", "--json").stdout.splitlines()))
    assert [row["item"] for row in rows] == ["'x'", "'y'"] and all(row["error_type"] == "ValueError" for row in rows)
    both = run("report", "--csv", "--json")
    assert both.returncode == 2 and "--json and --csv: take one of them" in both.stderr


def test_report_as_csv(run: Run) -> None:
    run("map", "-e", "lambda x: int(x)", "1", "a\n,b", "1")
    rows = list(csv.DictReader(io.StringIO(run("report", "--csv").stdout)))
    assert [row["place"] for row in rows] == ["0", "1", "2"] and rows[0]["key"] == rows[2]["key"]
    assert [row["state"] for row in rows] == ["done", "failed", "done"] and rows[1]["item"] == repr("a\n,b")
    assert [row["place"] for row in csv.DictReader(io.StringIO(run("report", "--csv", "--errors").stdout))] == [""]


def test_a_journal_that_is_held(run: Run, tmp_path: Path) -> None:
    inner = f"lambda x: subprocess.run({[*COMMAND, 'resume', 'own']}).returncode"
    finished = run("map", "--name", "own", "-e", inner, "1")
    assert finished.stdout == "75\n" and "is held by process" in finished.stderr


def test_a_journal_of_another_function(run: Run) -> None:
    run("map", "--journal", "run.db", "-e", "int", "1")
    finished = run("map", "--journal", "run.db", "-e", "str", "1")
    assert finished.returncode == 65 and "it is of the function int" in finished.stderr


def test_a_state_folder_that_cannot_be_made(run: Run) -> None:
    finished = run("map", "-e", "int", "1", environ={"PROCESSION_STATE": "/proc/none"})
    assert finished.returncode == 74 and "PROCESSION_STATE" in finished.stderr and finished.stdout == ""


def test_a_run_that_was_not_read_to_its_end_says_that_more_may_be_left(run: Run) -> None:
    nap = "lambda x: (time.sleep(0.2 * (x == '1')), int(x))[1]"
    items = ("0", *["1"] * 500)  # one item, at many places
    run("map", "--name", "cut", "-j", "1", "--total-time-limit", "0.1", "-e", nap, *items)
    report = run("report", "cut").stdout
    assert " done, 0 failed, at least " in report and " left: its input was not read to the end; 1 session\n" in report
    row = next(line for line in run("runs").stdout.splitlines() if line.startswith("cut "))
    assert row.split()[4].endswith("+")
    assert json.loads(run("report", "cut", "--json").stdout)["whole"] is False
    run("resume", "cut", "--total-time-limit", "60")
    assert "2 done, 0 failed, 0 left; 2 sessions\n" in run("report", "cut").stdout


@pytest.mark.parametrize(("flag", "value"), [("--name", "other"), ("--journal", "other.db")])
def test_a_run_keeps_its_name_and_its_journal(run: Run, flag: str, value: str) -> None:
    run("map", "--name", "own", "-e", "int", "1")
    told = run("resume", "own", flag, value)
    assert (told.returncode, told.stderr) == (2, f"procession: {flag}: run own has its own; leave it out\n")


def test_errors_of_journals_name_flags(run: Run) -> None:
    run("map", "--journal", "run.db", "-e", "int", "1")
    told = run("map", "--journal", "run.db", "-e", "str", "1").stderr
    assert "choose another --journal for str, or --rerun-changed to run all with it" in told


@pytest.mark.parametrize(
    "command", [("runs",), ("report", "own", "--csv"), ("map", "--dry-run", "-e", "int", "-a", "n")]
)
def test_a_reader_that_is_gone_is_no_failure(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "n").write_text("".join(f"{number}\n" for number in range(20_000)))
    run("map", "--name", "own", "-e", "int", "1")
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [*COMMAND, *command], cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True,
        env=scripts.environment(),
    )  # fmt: skip
    os.close(writing)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (141, "")
