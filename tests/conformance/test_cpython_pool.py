"""CPython's own tests of Pool, on this Python, under fork (under all start methods: `make conformance-pool`)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.helpers.scripts import ROOT, run_command


@pytest.mark.limit(110)
@pytest.mark.parametrize("method", ["fork"])  # the others take longer: make conformance-pool
def test_cpython_s_tests_of_pool_pass(method: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("test") is None or importlib.util.find_spec("test._test_multiprocessing") is None:
        pytest.skip("this Python comes without its tests")
    ended = run_command([sys.executable, str(ROOT / "tools/conformance/run.py"), "pool", method], tmp_path, timeout=100)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "33 offered" in ended.stdout and " 0 failed" in ended.stdout
