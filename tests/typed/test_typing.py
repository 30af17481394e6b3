"""The types that a user's checker sees are the ones that are promised."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.helpers.scripts import ROOT, SRC, run_command

HERE = Path(__file__).resolve().parent


@pytest.mark.parametrize("name", ["sample", "mistakes"])
def test_mypy_agrees_with_every_line(name: str, tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    cache = ROOT / ".mypy_cache" / "typed"
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--follow-imports=silent",
        str(HERE / f"{name}.py"),
    ]
    ended = run_command([*command, f"--cache-dir={cache}"], tmp_path, environ={"MYPYPATH": os.fspath(SRC)}, timeout=110)
    assert ended.returncode == 0, ended.stdout + ended.stderr
