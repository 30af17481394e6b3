"""The types that a user's checker sees are the ones that are promised."""

from __future__ import annotations

import importlib
import importlib.util
import json
import multiprocessing
import os
import sys
from pathlib import Path

import pytest

from tests.helpers.scripts import ROOT, SRC, Finished, run_command

HERE = Path(__file__).resolve().parent
MODULES = (
    "connection", "context", "managers", "pool", "process", "queues", "shared_memory", "sharedctypes", "synchronize",
)  # fmt: skip


def mypy(path: Path, folder: Path) -> Finished:
    pytest.importorskip("mypy")
    cache = ROOT / ".mypy_cache" / "typed"
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent", str(path)]
    environ = {"MYPYPATH": os.fspath(SRC)}
    return run_command([*command, f"--cache-dir={cache}"], folder, environ=environ, timeout=110)


@pytest.mark.parametrize("name", ["sample", "namespace", "mistakes"])
def test_mypy_agrees_with_every_line(name: str, tmp_path: Path) -> None:
    ended = mypy(HERE / f"{name}.py", tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("name", ["sample", "namespace"])
def test_pyright_agrees_with_every_line(name: str, tmp_path: Path) -> None:
    checker = next((each for each in ("pyright", "basedpyright") if importlib.util.find_spec(each)), None)
    if checker is None:
        pytest.skip("pyright is not installed")
    (tmp_path / f"{name}.py").write_bytes((HERE / f"{name}.py").read_bytes())  # it takes relative paths only
    settings = {"include": [f"{name}.py"], "extraPaths": [str(SRC)], "typeCheckingMode": "strict"}
    # What pyright's strict mode says beyond errors about what the standard library's stubs leave open is not ours.
    quiet = ("UnknownMemberType", "UnknownVariableType", "UnknownArgumentType", "UnknownParameterType")
    for rule in (*quiet, "MissingTypeStubs", "UnnecessaryTypeIgnoreComment"):
        settings[f"report{rule}"] = False
    path = tmp_path / "pyrightconfig.json"
    path.write_text(json.dumps(settings))
    command = [sys.executable, "-m", checker, "-p", str(path), "--pythonpath", sys.executable]
    ended = run_command(command, tmp_path, timeout=110)
    assert ended.returncode == 0 and "0 errors" in ended.stdout, ended.stdout + ended.stderr


def test_mypy_finds_every_name_of_multiprocessing(tmp_path: Path) -> None:
    names = multiprocessing.__all__
    lines = ["import procession", *(f"from procession import {name} as {name}" for name in names)]
    for module in MODULES:
        offered = importlib.import_module(f"multiprocessing.{module}")
        public = getattr(offered, "__all__", ())
        lines.append(f"import procession.{module}")
        lines += [f"from procession.{module} import {name} as {module}_{name}" for name in public]
    lines.append("everything: list[object] = []")
    lines += [f"everything.append(procession.{name})" for name in names]
    path = tmp_path / "names.py"
    path.write_text("\n".join(lines) + "\n")
    ended = mypy(path, tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
