"""The terminal must be a real one: its keys are signals for the foreground group."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.helpers import terminals
from tests.helpers.scripts import write_script
from tests.helpers.wait import wait_until

SLEEPER = """
    import os, time
    print("begun", os.getpid(), os.getpgrp(), os.isatty(0), os.isatty(1), os.isatty(2), flush=True)
    for _ in range(1200):
        time.sleep(0.05)  # a signal between Python's look at its flag and the sleep is seen only after the sleep
"""


def test_ctrl_c_interrupts_the_command(tmp_path: Path) -> None:
    script = write_script(tmp_path, SLEEPER)
    with terminals.pty_session([sys.executable, str(script)]) as terminal:
        terminal.read_until("True True True")
        terminal.press(terminals.CTRL_C)
        status = terminal.wait()
    assert status == -2 and "KeyboardInterrupt" in terminal.screen


def test_ctrl_z_stops_and_fg_continues_under_a_shell(tmp_path: Path) -> None:
    script = write_script(tmp_path, SLEEPER)
    with terminals.shell_session(tmp_path) as terminal:
        terminal.press(f"{sys.executable} {script}\n")
        terminal.read_until("begun")
        wait_until(lambda: terminal.foreground != terminal.pid)
        terminal.press(terminals.CTRL_Z)
        terminal.read_until("Stopped")
        seen = len(terminal.screen)
        terminal.press("fg\n")
        terminal.read_until("script.py", after=seen + 2)
        wait_until(lambda: terminal.foreground != terminal.pid)
        terminal.press(terminals.CTRL_C)
        terminal.read_until("KeyboardInterrupt")
        terminal.press("echo status=$?\n")
        terminal.read_until("status=130")


def test_text_that_never_comes_fails_with_the_screen(tmp_path: Path) -> None:
    with terminals.pty_session(["echo", "something else"]) as terminal:
        with pytest.raises(AssertionError, match="something else"):
            terminal.read_until("never", timeout=0.5)
