"""`procession map`, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Run
from tests.helpers import processes, scripts, terminals, wait

TIMEOUT = 30


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command whose input and output are pipes of ours."""
    pipe = subprocess.PIPE
    command = [*COMMAND, "map", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env=scripts.environment(), stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(TIMEOUT)
        for stream in (process.stdin, process.stdout, process.stderr):
            with suppress(BrokenPipeError):
                stream.close()  # type: ignore[union-attr]


def shell(folder: Path, line: str) -> scripts.Finished:
    """Run a line of shell in which `procession` is the command; its exit code is that of the last part that failed."""
    call = " ".join(f"'{part}'" for part in COMMAND)
    text = f'set -o pipefail; procession() {{ {call} "$@"; }}; {line}'
    return scripts.run_command(["bash", "-c", text], folder, timeout=TIMEOUT)


def test_arguments_become_lines_of_json_in_their_order(run: Run) -> None:
    finished = run("map", "-e", "lambda line: [line, len(line)]", "a", "", "\u20ac \n")
    assert finished.stdout == '["a", 1]\n["", 0]\n["\u20ac \\n", 3]\n'
    assert finished.returncode == 0 and finished.stderr.startswith("procession map: 3 done in ")


def test_standard_input_where_nothing_is_given_and_by_a_dash(run: Run) -> None:
    assert run("map", "builtins:str.upper", stdin="a\nb").stdout == '"A"\n"B"\n'
    assert run("map", "builtins:str.upper", "x", "-", "y", stdin="a\n").stdout == '"X"\n"A"\n"Y"\n'
    assert run("map", "builtins:str.upper", stdin="").stdout == ""


def test_files_of_inputs(run: Run, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("1\n2\n")
    (tmp_path / "nul").write_text("3\n\0004\0")
    assert run("map", "-e", "int", "-a", "lines").stdout == "1\n2\n"
    assert run("map", "-0", "-e", "int", "-a", "nul", "0").stdout == "0\n3\n4\n"
    assert run("map", "-e", "int", "-a", "-", stdin="5\n").stdout == "5\n"


def test_a_file_and_a_module_of_the_current_directory(run: Run, tmp_path: Path) -> None:
    (tmp_path / "neighbour_mod.py").write_text("def twice(line): return line * 2\n")
    (tmp_path / "own_tool.py").write_text("import neighbour_mod\ndef f(line): return neighbour_mod.twice(line)\n")
    assert run("map", "own_tool.py:f", "ab").stdout == '"abab"\n'
    assert run("map", "neighbour_mod:twice", "ab").stdout == '"abab"\n'


def test_many_lines_come_whole_and_in_order(tmp_path: Path) -> None:
    finished = shell(tmp_path, "seq 200000 | procession map -q -e int")
    assert finished.stdout.split() == [str(number) for number in range(1, 200001)]
    assert (finished.returncode, finished.stderr) == (0, "")


def test_undecodable_bytes_come_through(tmp_path: Path) -> None:
    finished = shell(tmp_path, r"printf 'a\xff\n' | procession map -q -e 'lambda line: line'")
    assert (finished.stdout, finished.returncode) == ('"a\\udcff"\n', 0)
    finished = shell(tmp_path, r"printf 'a\xff\n' | procession map -q -e os.fsencode --repr")
    assert json.loads(finished.stdout) == r"b'a\xff'"


def test_failed_items_have_no_line_and_are_named_at_the_end(run: Run) -> None:
    finished = run("map", "-e", "int", "1", "x", "3", "y y")
    assert finished.stdout == "1\n3\n" and finished.returncode == 1
    lines = finished.stderr.splitlines()
    assert lines[:2] == ["2 items failed:", "  ValueError (2)"]
    assert "'x'" in lines[2] and "'y y'" in lines[3] and lines[4].startswith("procession map: 2 done, 2 failed in ")


def test_an_error_class_of_the_users_own_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "raiser.py").write_text("class Own(Exception): pass\ndef f(line): raise Own(line + '!')\n")
    assert "  Own (1)\n    'a': a!\n" in run("map", "raiser.py:f", "a").stderr


def test_what_json_cannot_hold(run: Run) -> None:
    finished = run("map", "-e", "lambda line: {line}", "a")
    assert finished.returncode == 1 and "ResultNotJson" in finished.stderr and "--repr" in finished.stderr
    assert run("map", "--repr", "-e", "lambda line: {line}", "a").stdout == "\"{'a'}\"\n"
    assert "nan" in run("map", "-e", "float", "nan").stderr


def test_fail_fast(run: Run) -> None:
    finished = run("map", "--fail-fast", "--json", "-e", "int", "1", "x", "3")
    assert finished.stdout == "1\n" and finished.returncode == 1
    summary = json.loads(finished.stderr)
    assert (summary["done"], summary["failed"], summary["total"]) == (1, 1, 3)


def test_json_summary_is_all_that_stands_on_standard_error(run: Run) -> None:
    finished = run("map", "--json", "-e", "int", "1", "x")
    summary = json.loads(finished.stderr)
    assert summary["errors"]["ValueError"]["items"][0]["index"] == 1 and summary["exit_code"] == 1
    assert finished.stdout == "1\n"


def test_prints_do_not_tear_the_results(run: Run) -> None:
    finished = run("map", "-e", "lambda line: print('said', line) or os.system('echo shell') or line", "a", "b")
    assert finished.stdout == '"a"\n"b"\n'
    assert finished.stderr.count("said") == 2 and finished.stderr.count("shell") == 2


def test_an_input_that_breaks_off(tmp_path: Path) -> None:
    finished = shell(tmp_path, "procession map -e int -a /proc/self/mem 1")  # can be opened, not read
    assert (finished.returncode, finished.stdout) == (1, "1\n")
    assert finished.stderr.startswith("procession map had to stop: OSError: ")


@pytest.mark.parametrize(("closed", "name"), [("<&-", "INPUTS"), (">&-", "standard output")])
def test_a_standard_stream_that_is_closed_is_refused(tmp_path: Path, closed: str, name: str) -> None:
    finished = shell(tmp_path, f"procession map -e int {closed}")
    assert finished.returncode == 2 and finished.stderr.startswith(f"procession: {name}")


def test_a_killed_worker_costs_one_item(run: Run) -> None:
    code = "lambda line: os.kill(os.getpid(), 9) if line == '3' else line"
    finished = run("map", "-e", code, *map(str, range(8)))
    assert [json.loads(line) for line in finished.stdout.split()] == [str(n) for n in range(8) if n != 3]
    assert finished.returncode == 1 and "WorkerDied" in finished.stderr and "SIGKILL" in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "Missing argument 'TARGET'"),
        (("os.path", "x"), "must be pkg.mod:func or file.py:func"),
        (("none.py:f", "x"), "no file 'none.py'"),
        (("no_such_module_y:f", "x"), "No module named 'no_such_module_y'"),
        (("os:sep", "x"), "cannot be called"),
        (("-e", "lambda line", "x"), "SyntaxError"),
        (("-e", "int", "-a", "none"), "'none': cannot be read: No such file or directory"),
        (("-e", "int", "-a", "."), "'.': is a folder"),
        (("-e", "int", "-j", "0"), "'0' is not a number of workers such as 4, 50% or -1"),
        (("-e", "int", "what?"), "'what?': matches no file; with --no-glob it is a text"),
        (("-e", "int", "--csv", "a"), "'a': with --csv inputs are files: write -a FILE"),
        (("-e", "int", "--csv", "--jsonl", "a"), "--csv and --jsonl: take one of them"),
        (("-e", "int", "--columns", "a", "b"), "--columns: picks columns of --csv, which is not given"),
        (("-e", "int", "--csv", "--columns", "a,,b"), "must be names with commas in between"),
        (("-e", "int", "1", "--time-limit", "5x"), "'5x' is not a time such as 30, 500ms, 5m or 1h30m"),
        (("-e", "int", "1", "--halt", "later"), "'later' is not a rule such as soon,fail=3"),
        (("-e", "int", "1", "--backoff", "1"), "nothing is tried again without --retries or --retry-deaths"),
        (("-e", "int", "1", "--time-limit", "1", "--soft-time-limit", "2"), "--soft-time-limit 2.0: must be less"),
        (("-e", "int", "1", "--backend", "threads", "--max-rss", "1GB"), "--max-rss ends what runs"),
        (("-e", "int", "1", "--backend", "serial", "--time-limit", "1"), "--time-limit ends what runs"),
        (("-e", "int", "1", "-q", "-v"), "--quiet and --verbose: take one of them"),
    ],
)
def test_wrong_usage(refused: Callable[..., str], arguments: tuple[str, ...], text: str) -> None:
    assert text in refused("map", *arguments)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("-e", "int", "1", "--output", "none/there"), "--output 'none/there': cannot be written: No such file"),
        (("-e", "int", "1", "--log", "none/there"), "--log 'none/there': cannot be written: No such file"),
        (("-e", "int", "1", "--events", "none/there"), "--events 'none/there': cannot be written: No such file"),
        (("-e", "int", "1", "--journal", "none", "--name", "x"), "--name: without a journal"),
        (("-e", "int", "1", "--journal", "none", "--rerun-changed"), "--rerun-changed: without a journal"),
        (("-e", "int", "1", "--journal", "a.db", "--name", "x"), "--name and --journal: take one of them"),
        (("-e", "int", "1", "--name", "a b"), "--name 'a b': must be of letters, digits, - and _"),
    ],
)
def test_what_is_refused_when_all_else_is_checked(run: Run, arguments: tuple[str, ...], text: str) -> None:
    finished = run("map", *arguments)
    assert (finished.returncode, finished.stdout) == (2, "") and text in finished.stderr


def test_a_terminal_as_the_only_input_is_refused(tmp_path: Path) -> None:
    with terminals.pty_session([*COMMAND, "map", "-e", "int"], tmp_path) as terminal:
        assert terminal.wait(TIMEOUT) == 2
    assert "none given" in terminal.screen


@pytest.mark.parametrize("lines", [1, 5000])
def test_an_output_that_cannot_be_written(tmp_path: Path, lines: int) -> None:
    finished = shell(tmp_path, f"seq {lines} | procession map -e int > /dev/full")
    assert finished.returncode == 1
    assert "procession map had to stop: OSError: [Errno 28] No space left on device" in finished.stderr


# Streams


@pytest.mark.limit(60)
def test_each_line_is_answered_while_the_input_stays_open(tmp_path: Path) -> None:
    with started(tmp_path, "-e", "lambda line: int(line) * 2") as process:
        assert process.stdin and process.stdout
        for number in range(5):
            process.stdin.write(b"%d\n" % number)
            assert process.stdout.readline() == b"%d\n" % (number * 2)
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait(TIMEOUT) == 0


@pytest.mark.limit(60)
def test_endless_input_and_a_reader_that_goes(tmp_path: Path) -> None:
    finished = shell(tmp_path, "yes abc | procession map -e len | head -n 3")
    assert finished.stdout == "3\n3\n3\n" and finished.stderr == ""
    assert finished.returncode == 141


@pytest.mark.limit(60)
def test_the_exit_code_when_the_reader_goes(tmp_path: Path) -> None:
    finished = shell(tmp_path, "seq 100000 | procession map -e int | head -n 1; echo ${PIPESTATUS[1]}")
    assert finished.stdout.split() == ["1", "141"] and finished.stderr == ""


@pytest.mark.limit(60)
def test_a_reader_that_stops_reading_stops_the_input(tmp_path: Path) -> None:
    script = tmp_path / "count.py"
    script.write_text(
        textwrap.dedent("""
        import sys
        for number in range(10_000_000):
            print("x" * 100)
            if number % 1000 == 0:
                print(number, file=sys.stderr, flush=True)
    """)
    )
    with started(tmp_path, "-q", "-e", "str.upper") as process:
        source = subprocess.Popen([sys.executable, str(script)], stdout=process.stdin, stderr=subprocess.PIPE)
        try:
            assert source.stderr and process.stdout
            os.set_blocking(source.stderr.fileno(), False)
            process.stdout.read(1)
            seen = [b""]

            def quiet() -> bool:
                more = source.stderr.read() if source.stderr else None
                seen[0] += more or b""
                return not more

            assert wait.poll(lambda: all(quiet() or wait.poll(lambda: False, 0.1) for _ in range(10)), 20)
            assert source.poll() is None  # it waits: its lines are not all read
        finally:
            source.kill()
            source.communicate()


# Ended from outside


@pytest.mark.limit(60)
@pytest.mark.parametrize("code", ["lambda line: time.sleep(60)", "lambda line: line"])
def test_ctrl_c_in_a_terminal(tmp_path: Path, code: str) -> None:
    with terminals.pty_session([*COMMAND, "map", "-e", f"lambda line: ({code})(line)", "-"], tmp_path) as terminal:
        terminal.press("one\ntwo\n")
        wait.wait_until(lambda: len(processes.descendants(terminal.pid)) >= 2, 20)
        terminal.press(terminals.CTRL_C)
        terminal.read_until("stopping: ")
        if "sleep" in code:
            terminal.read_until("Ctrl-C again ends them")
            terminal.press(terminals.CTRL_C)
        assert terminal.wait(10) == 130, terminal.screen
        assert "Traceback" not in terminal.screen and "interrupted" in terminal.screen


@pytest.mark.limit(60)
def test_sigterm(tmp_path: Path) -> None:
    with started(tmp_path, "--grace", "500ms", "-e", "lambda line: time.sleep(60)") as process:
        assert process.stdin and process.stderr
        process.stdin.write(b"1\n2\n")
        wait.wait_until(lambda: len(processes.descendants(process.pid)) >= 2, 20)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143
        assert b"Traceback" not in process.stderr.read()


def test_limits_of_memory(run: Run) -> None:
    limits = ("--max-rss-hard", "100MB", "--memory-floor", "1%", "--max-rss", "50000000")
    finished = run("map", *limits, "-e", GROW, "1", "300")
    assert finished.returncode == 1 and finished.stdout == "1\n"
    assert "MemoryLimitExceeded" in finished.stderr


def test_limits_of_memory_that_make_no_sense_are_refused(refused: Callable[..., str]) -> None:
    assert "--max-rss 'much': must be bytes" in refused("map", "--max-rss", "much", "builtins:len", "a")
    text = refused("map", "--max-rss", "2GB", "--max-rss-hard", "1000", "builtins:len", "a")
    assert "--max-rss-hard 1000 is less than --max-rss '2GB'" in text


GROW = "lambda line: [x := b'x' * (int(line) * 10**6), time.sleep(20 * (len(x) > 10**8)), int(line)][2]"
