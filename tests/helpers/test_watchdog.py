"""A test that hangs must end the run, with the stacks of all its processes."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from tests.helpers.scripts import ROOT, run_command

HANGING = """
    import os, subprocess, sys, time
    import pytest

    def sleep_in_child():
        time.sleep(60)

    @pytest.mark.limit(1)
    def test_that_hangs():
        subprocess.Popen([sys.executable, "-c", "import time\\ndef wait_in_other(): time.sleep(60)\\nwait_in_other()"])
        if os.fork() == 0:
            sleep_in_child()
        hang_in_c_code()

    def hang_in_c_code():
        sum(iter(int, 1))
"""


def test_hanging_test_ends_the_run_with_the_stacks_of_all_processes(tmp_path: Path) -> None:
    path = tmp_path / "test_hanging.py"
    path.write_text(textwrap.dedent(HANGING))
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", str(path)]
    environ = {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    finished = run_command([*command, "-c", str(ROOT / "pyproject.toml")], tmp_path, timeout=60, environ=environ)
    assert finished.returncode == -9
    text = finished.stdout + finished.stderr
    assert "time limit of 1 s" in text and "test_that_hangs" in text
    for function in ("hang_in_c_code", "sleep_in_child", "wait_in_other"):
        assert f" in {function}" in text, f"no stack of {function}:\n{text}"
