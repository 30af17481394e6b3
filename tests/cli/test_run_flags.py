"""The shared flags, each by what it does to a run of `procession map`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import COMMAND, Run
from tests.helpers import scripts

NO = ("--journal", "none")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_limit_and_shuffle(run: Run) -> None:
    call = ("map", *NO, "-e", "int", *map(str, range(20)))
    assert run(*call, "--limit", "3").stdout.split() == ["0", "1", "2"]
    assert run(*call, "--limit", "0").stdout == ""
    shuffled = run(*call, "--shuffle")
    order = shuffled.stdout.split()
    assert sorted(map(int, order)) == list(range(20)) != list(map(int, order))
    seed = shuffled.stderr.partition("--shuffle-seed ")[2].split()[0]
    again = run(*call, "--shuffle-seed", seed, "--limit", "5")
    assert again.stdout.split() == order[:5] and "--shuffle-seed" not in again.stderr


def test_dry_run_does_nothing(run: Run, tmp_path: Path, state: Path) -> None:
    call = ("map", "--dry-run", "-e", "lambda x: os.mkdir(x)", "a", "b", "--output", "out", "--log", "log")
    finished = run(*call)
    assert finished.stdout == '"a"\n"b"\n' and finished.returncode == 0
    assert (
        "would run lambda x: os.mkdir(x) on 2 items with " in finished.stderr and "nothing was done" in finished.stderr
    )
    assert not any((tmp_path / name).exists() for name in ("a", "b", "out", "log")) and not state.exists()
    assert run(*call, "-q").stderr == ""


def test_order(run: Run) -> None:
    call = ("map", *NO, "-j", "2", "-e", "lambda x: [time.sleep(float(x)), x][1]", "0.6", "0")
    assert run(*call, "--unordered").stdout.split() == ['"0"', '"0.6"']
    assert run(*call, "--keep-order").stdout.split() == ['"0.6"', '"0"']


@pytest.mark.parametrize(("backend", "here"), [("processes", False), ("threads", True), ("serial", True)])
def test_backends(run: Run, backend: str, here: bool) -> None:
    code = "lambda x: __import__('procession.cli.main', fromlist=['x']).received.__module__ and os.getppid()"
    found = run("map", *NO, "--backend", backend, "-e", code, "1").stdout
    assert (int(found) == os.getpid()) is here


def test_time_limits(run: Run) -> None:
    finished = run("map", *NO, "--time-limit", "300ms", "-e", "lambda x: time.sleep(float(x))", "60", "0")
    assert finished.stdout == "null\n" and "TimeLimitExceeded (1)" in finished.stderr
    where = next(line for line in finished.stderr.splitlines() if "time_limit= allows" in line)
    assert where.endswith('; it was in "<-e>", line 1 in <lambda>') and "procession/cli" not in where
    finished = run(
        "map", *NO, "--soft-time-limit", "300ms", "-e", "lambda x: [time.sleep(0.01) for _ in range(6000)]", "1"
    )
    assert "SoftTimeLimitExceeded (1)" in finished.stderr
    finished = run("map", *NO, "--total-time-limit", "500ms", "-e", "lambda x: time.sleep(60)", *"abcdef")
    assert finished.returncode == 1 and "had to stop" in finished.stderr and "left in" in finished.stderr


def test_retries(run: Run, tmp_path: Path) -> None:
    code = "lambda x: os.path.exists(x) or (open(x, 'w').close(), 1 / 0)"
    assert run("map", *NO, "--retries", "1", "--backoff", "10ms", "-e", code, "a", "b").stdout == "true\ntrue\n"
    code = "lambda x: os.path.exists(x) or (open(x, 'w').close(), os.kill(os.getpid(), 9))"
    assert run("map", *NO, "--retry-deaths", "1", "-e", code, "c", "d").stdout == "true\ntrue\n"


@pytest.mark.parametrize("rule", [("--halt", "soon,fail=2"), ("--max-errors", "1")])
def test_stop_rules(run: Run, rule: tuple[str, ...]) -> None:
    finished = run(
        "map", *NO, *rule, "-j", "1", "--json", "-e", "lambda x: [time.sleep(0.02), 1 / 0]", *map(str, range(50))
    )
    summary = json.loads(finished.stderr)
    assert summary["failed"] < 20 and summary["left"] > 30 and "halted" in summary["stopped"]
    assert finished.returncode == 1


def test_a_rule_of_the_file_is_switched_off(run: Run) -> None:
    rule = {"PROCESSION_HALT": "now,fail=1"}
    finished = run("map", *NO, "--halt", "never", "-e", "int", "x", "1", environ=rule)
    assert finished.stdout == "1\n" and "had to stop" not in finished.stderr


def test_rate(run: Run) -> None:
    finished = run("map", *NO, "--max-per-second", "10", "--json", "-e", "int", *map(str, range(8)))
    assert json.loads(finished.stderr)["seconds"] > 0.5


def test_keep_going_is_the_default(run: Run) -> None:
    assert run("map", *NO, "--keep-going", "-e", "int", "x", "1", environ={"PROCESSION_FAIL_FAST": "1"}).stdout == "1\n"


def test_output_is_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old and longer than what is new")
    finished = run("map", *NO, "--output", "out", "-e", "lambda x: print('said') or x", "a")
    assert (tmp_path / "out").read_text() == '"a"\n' and finished.stdout == "" and "said" in finished.stderr


def test_progress(run: Run) -> None:
    call = ("map", *NO, "-e", "lambda x: x", "a")
    assert "1 of 1" in run(*call, "--progress", "bar").stderr and "\x1b[" in run(*call, "--progress", "bar").stderr
    for progress in ("plain", "none", "auto"):
        assert run(*call, "--progress", progress).stderr.startswith("procession map: 1 done in")


def test_color(run: Run) -> None:
    call = ("map", *NO, "-e", "int", "x")
    assert "\x1b[31mValueError\x1b[0m" in run(*call, "--color", "always").stderr
    assert "\x1b" not in run(*call, "--color", "never").stderr + run(*call, "--color", "auto").stderr


def test_quiet_and_verbose(run: Run) -> None:
    call = ("map", *NO, "-e", "int", "x", "1")
    assert "done" not in run(*call, "--quiet").stderr and "1 item failed" in run(*call, "-q").stderr
    said = run(*call, "--verbose", "-j", "1").stderr
    assert "command map, function int, workers 1, total 2" in said and "map: failed: 'x': ValueError" in said
    assert run(*call, "-v").stderr.count("invalid literal") == 2


def test_log(run: Run, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    run("map", *NO, "--log", "log", "--retries", "1", "-e", "int", "x", "1")
    text = (tmp_path / "log").read_text()
    assert text.startswith("before\n") and "command=map function=int workers=2 total=2" in text
    assert " done '1' in 0." in text and " FAILED 'x' in " in text and "  attempt 1: ValueError: invalid" in text
    assert "Traceback (most recent call last)" in text and text.splitlines()[-1].endswith("/s")


def test_events(run: Run, tmp_path: Path, state: Path) -> None:
    run("map", "--events", "events", "--retries", "1", "--name", "own", "-e", "int", "x", "1")
    begin, first, second, end = lines(tmp_path / "events")
    assert begin["event"] == "begin" and begin["function"] == "int" and begin["run"] == "own"
    assert begin["journal"] == str(state / "own.db") and (state / "own.db").exists()
    failed, done = sorted((first, second), key=lambda each: each["index"])
    assert done["ok"] and done["seconds"] >= 0 and done["worker"] > 0 and len(done["key"]) == 32
    assert failed["error"]["type"] == "ValueError" and len(failed["attempts"]) == 2 and failed["item"] == "'x'"
    assert failed["attempts"][0]["error"]["type"] == "ValueError"
    assert (end["event"], end["done"], end["failed"], end["exit_code"]) == ("end", 1, 1, 1)
    assert begin["time"] <= first["time"] <= second["time"] <= end["time"]


def test_a_log_whose_disk_is_full_is_told_once(run: Run) -> None:
    finished = run("map", *NO, "--log", "/dev/full", "-e", "int", "1", "2", "3")
    assert finished.stdout == "1\n2\n3\n" and finished.returncode == 0
    assert finished.stderr.count("--log '/dev/full': No space left on device; nothing more is written there") == 1


def test_nice(run: Run) -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert int(run("map", *NO, "--nice", "3", "-e", "lambda x: os.nice(0)", "1").stdout) == min(before + 3, 19)


def test_jsonl_and_csv(run: Run, tmp_path: Path) -> None:
    finished = run("map", *NO, "--jsonl", "-e", "lambda *a, **k: [a, k]", "-", stdin='{"a": 1}\nx\n[2]\n')
    assert finished.stdout == '[[], {"a": 1}]\n[[[2]], {}]\n' and finished.returncode == 1
    assert "standard input, line 2: 'x' is not JSON" in finished.stderr
    assert run("map", *NO, "--jsonl", "builtins:pow", '{"base": 2, "exp": 5}').stdout == "32\n"
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n3\n5,6\n")
    finished = run("map", *NO, "--csv", "--columns", "b", "-e", "lambda b: b", "--arg-file", "rows.csv")
    assert finished.stdout == '"2"\n"6"\n' and "'rows.csv', line 3: '3' has 1 fields" in finished.stderr


def test_nul_as_the_end_of_json(run: Run) -> None:
    assert run("map", *NO, "--null", "--jsonl", "-e", "lambda x: x", stdin="[1,\n2]\0[3]\0").stdout == "[1, 2]\n[3]\n"


def test_a_header_that_is_wrong_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,a\n")
    assert "'rows.csv': has two columns 'a'" in refused("map", "--csv", "-e", "int", "-a", "rows.csv")


def test_patterns(run: Run, tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "sub/c.txt", "x[1].txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    call = ("map", *NO, "-e", "lambda x: x")
    assert run(*call, "?.txt", "x[1].txt").stdout.split() == ['"a.txt"', '"b.txt"', '"x[1].txt"']
    assert run(*call, "**/*.txt").stdout.split() == ['"a.txt"', '"b.txt"', '"sub/c.txt"', '"x[1].txt"']
    assert run(*call, "--no-glob", "?.txt").stdout == '"?.txt"\n'


def test_fail_fast_says_what_ended_the_run(run: Run) -> None:
    finished = run("map", *NO, "--fail-fast", "-j", "1", "-e", "int", "1", "x", "2")
    assert "procession map had to stop: --fail-fast: 'x' failed\n" in finished.stderr
    assert "1 done, 1 failed, 1 left in " in finished.stderr


def test_a_typed_flag_goes_before_its_opposite_of_the_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.procession]\nverbose = true\n")
    quiet = run("map", "-q", "-e", "int", "1")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    both = run("map", "-e", "int", "1", environ={"PROCESSION_QUIET": "1"})
    assert both.returncode == 2 and "--quiet and --verbose: take one of them" in both.stderr


def test_rules_that_ended_the_run_are_told_as_flags(run: Run) -> None:
    assert "(--max-errors 0)" in run("map", *NO, "--max-errors", "0", "-j", "1", "-e", "int", "x", "1").stderr


def test_output_whose_disk_is_full_is_named(run: Run) -> None:
    finished = run("map", *NO, "--output", "/dev/full", "-e", "int", "1")
    assert finished.returncode == 1 and "No space left on device: '/dev/full'" in finished.stderr


def test_standard_error_that_cannot_be_written_ends_no_run(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        finished = subprocess.run(
            [*COMMAND, "map", *NO, "-e", "int", "1"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=full,
            env=scripts.environment(), timeout=60,
        )  # fmt: skip
    assert (finished.returncode, finished.stdout) == (0, b"1\n")
