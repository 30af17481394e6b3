"""CPython's own tests of the process executor, where this Python has them, under fork (all: `make conformance`)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.helpers.scripts import ROOT, run_command


@pytest.mark.limit(170)
def test_cpython_s_tests_of_the_executor_pass(tmp_path: Path) -> None:
    if importlib.util.find_spec("test") is None or importlib.util.find_spec("test.test_concurrent_futures") is None:
        pytest.skip("this Python comes without these tests")
    command = [sys.executable, str(ROOT / "tools/conformance/run.py"), "futures", "fork"]
    ended = run_command(command, tmp_path, timeout=160)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "offered" in ended.stdout and " 0 failed" in ended.stdout
