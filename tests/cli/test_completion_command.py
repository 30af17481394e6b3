"""`procession completion`: in a real bash commands and options are completed."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from procession.cli.completion import SHELLS
from tests.cli.conftest import COMMAND, Run
from tests.helpers import terminals


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_each_shell(run: Run, tmp_path: Path, shell: str) -> None:
    finished = run("completion", shell)
    assert finished.returncode == 0 and finished.stderr == "" and "_PROCESSION_COMPLETE" in finished.stdout
    (tmp_path / "script").write_text(finished.stdout)
    if shutil.which(shell):  # it is one that this shell reads
        import subprocess

        subprocess.run([shell, "-n", str(tmp_path / "script")], check=True)


def test_another_shell_is_refused(run: Run) -> None:
    assert run("completion", "csh").returncode == 2


@pytest.mark.limit(60)
def test_bash_completes_a_command_an_option_and_a_run(run: Run, tmp_path: Path) -> None:
    (tmp_path / "procession").write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    (tmp_path / "procession").chmod(0o755)
    assert run("map", "--name", "owner", "-e", "int", "1").returncode == 0
    script = tmp_path / "rc"
    script.write_text(f'PATH={tmp_path}:$PATH\nPS1="ready> "\neval "$(procession completion bash)"\n')
    command = ["bash", "--noprofile", "--rcfile", str(script), "-i"]
    with terminals.pty_session(command, tmp_path) as terminal:
        terminal.read_until("ready> ")
        terminal.press("procession comp\t")
        terminal.read_until("procession completion ")
        terminal.press("\x15procession exec --job\t")
        terminal.read_until("procession exec --job")
        terminal.press("l\t")
        terminal.read_until("log ")
        terminal.press("\x15procession doctor --js\t")
        terminal.read_until("--json ")
        for command in ("report", "resume", "retry"):
            terminal.press(f"\x15procession {command} own\t")
            terminal.read_until(f"procession {command} owner ")
        terminal.press("\x15exit\r")
