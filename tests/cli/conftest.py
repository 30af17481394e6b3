"""The command as a user runs it, and in this process where only its refusals are looked at."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from procession.cli import commands
from tests.helpers import scripts

COMMAND = (sys.executable, "-m", "procession")
Run = Callable[..., scripts.Finished]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of every command of a test; no settings of ours."""
    for name in [name for name in os.environ if name.startswith("PROCESSION_") and "TEST" not in name]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PROCESSION_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run(*arguments, timeout=60, environ=None, stdin=None)` in the test's own folder."""

    def run(*arguments: object, **options: object) -> scripts.Finished:
        return scripts.run_command([*COMMAND, *map(str, arguments)], tmp_path, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """`refused(*arguments)` runs a command in this process that must be refused, and gives what it says."""
    monkeypatch.chdir(tmp_path)

    def refused(*arguments: str) -> str:
        result: Result = functools.partial(CliRunner().invoke, commands.cli)(arguments)
        assert result.exit_code == 2, (result.output, result.exception)
        assert result.stdout == ""
        return result.stderr

    return refused
