"""Ctrl-C, twice, and SIGTERM: nothing that has ended is lost, and it is said what runs and what is left."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Run
from tests.helpers import scripts, terminals, wait

pytestmark = pytest.mark.limit(60)
# An item tells that it has begun, and waits until the file `go` is there; `now` does not wait.
HOLD = (
    "lambda x: [open('begun-' + x, 'w').close(),"
    " x == 'now' or [time.sleep(0.02) for _ in iter(lambda: os.path.exists('go'), True)], x][2]"
)


def told() -> None:
    """A live run hears that it is to stop when it next looks up, every tenth of a second."""
    wait.poll(lambda: False, 0.3)


def begun(folder: Path, *names: str) -> None:
    wait.wait_until(lambda: all((folder / f"begun-{name}").exists() for name in names), 20)


@pytest.mark.parametrize("journal", [(), ("--journal", "none")])
def test_the_first_ctrl_c_lets_running_items_end(tmp_path: Path, run: Run, journal: tuple[str, ...]) -> None:
    call = [*COMMAND, "map", *journal, "-j", "2", "--progress", "plain", "-e", HOLD, "a", "b", "c", "d"]
    with terminals.pty_session(call, tmp_path) as terminal:
        begun(tmp_path, "a", "b")  # the first item of each worker comes alone
        terminal.press(terminals.CTRL_C)
        terminal.read_until("stopping: waiting for 2 running items (the longest for ")
        told()
        (tmp_path / "go").touch()
        assert terminal.wait() == 130
    screen = terminal.screen
    assert all(f'"{name}"' in screen for name in ("a", "b")) and not (tmp_path / "begun-c").exists()
    assert " s; 2 left" in screen and "2 done, 2 left in " in screen and "; interrupted" in screen
    assert "Traceback" not in screen and ("procession resume map-" in screen) is not bool(journal)
    if not journal:
        assert run("resume").stdout == '"a"\n"b"\n"c"\n"d"\n'


def test_the_second_ctrl_c_ends_them(tmp_path: Path, run: Run) -> None:
    call = [*COMMAND, "map", "-j", "2", "-e", HOLD, "now", "a", "b"]
    with terminals.pty_session(call, tmp_path) as terminal:
        begun(tmp_path, "now", "a")
        terminal.read_until('"now"')
        terminal.press(terminals.CTRL_C)
        terminal.read_until("Ctrl-C again ends them")
        terminal.press(terminals.CTRL_C)
        assert terminal.wait() == 130
    assert "1 done, 2 left in " in terminal.screen and "Traceback" not in terminal.screen
    (tmp_path / "go").touch()
    resumed = run("resume")
    assert resumed.stdout == '"now"\n"a"\n"b"\n' and "3 done, 1 of these from the journal" in resumed.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_drains_with_a_limit(tmp_path: Path, number: signal.Signals) -> None:
    command = [*COMMAND, "map", "--grace", "300ms", "--json", "--events", "events", "-e", HOLD, "a", "b"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=scripts.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    begun(tmp_path, "a", "b")
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number and out == b""
    summary = json.loads(err)
    assert (summary["interrupted"], summary["left"], summary["exit_code"]) == (True, 2, 128 + number)
    texts = [json.loads(line).get("text", "") for line in (tmp_path / "events").read_text().splitlines()]
    assert any("stopping: " in text and "they have 0.3 s" in text for text in texts)


def test_a_signal_lets_end_what_ends_in_time(tmp_path: Path) -> None:
    command = [*COMMAND, "map", "-q", "--journal", "none", "-j", "1", "-e", HOLD, "a", "b"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=scripts.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    begun(tmp_path, "a")
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None and "they have 8 s" in process.stderr.readline()
    told()
    (tmp_path / "go").touch()
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (143, '"a"\n')


def test_ctrl_c_while_a_bar_is_drawn(tmp_path: Path) -> None:
    call = [*COMMAND, "map", "--progress", "bar", "--output", "out", "-j", "1", "-e", HOLD, "a", "b"]
    with terminals.pty_session(call, tmp_path) as terminal:
        begun(tmp_path, "a")
        terminal.press(terminals.CTRL_C)
        terminal.read_until("stopping: waiting for 1 running item (for ")
        told()
        (tmp_path / "go").touch()
        assert terminal.wait() == 130
    assert (tmp_path / "out").read_text() == '"a"\n' and "1 done, 1 left in" in terminal.screen


def test_ctrl_c_while_standard_input_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    with terminals.pty_session([*COMMAND, "map", "-e", HOLD, "-"], tmp_path) as terminal:
        terminal.press("one\n")
        terminal.read_until('"one"')
        terminal.press(terminals.CTRL_C)
        assert terminal.wait() == 130
    assert "what was not begun is left" in terminal.screen and "Traceback" not in terminal.screen


@pytest.mark.parametrize("where", [(), ("--output", "out")])
def test_a_closed_terminal_costs_no_running_item(tmp_path: Path, run: Run, where: tuple[str, ...]) -> None:
    call = [*COMMAND, "map", *where, "-j", "1", "--events", "events", "--name", "own", "-e", HOLD, "a", "b"]
    with terminals.pty_session(call, tmp_path) as terminal:
        begun(tmp_path, "a")
        terminal.hang_up()
        wait.wait_until(lambda: "stopping" in (tmp_path / "events").read_text(), 20)
        told()
        (tmp_path / "go").touch()
        assert terminal.process.wait(20) == 129
    last = json.loads((tmp_path / "events").read_text().splitlines()[-1])
    assert (last["event"], last["done"], last["left"], last["exit_code"]) == ("end", 1, 1, 129)
    assert "1 done, 0 failed" in run("report", "own").stdout
