"""Programs written for multiprocessing run after `sed s/multiprocessing/procession/`, with the output that they had."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import pytest

from tests.examples.test_tutorial import METHODS, TIMEOUT, lines
from tests.helpers import scripts

FOLDER = Path(__file__).parent / "programs"
MODULES = ("service",)  # that a program imports
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in MODULES)
NEED_NUMPY = ("shared_arrays",)


@functools.cache
def theirs(name: str, folder: Path) -> scripts.Finished:
    return scripts.run_command([sys.executable, str(FOLDER / f"{name}.py")], folder, timeout=TIMEOUT)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("standard")


def translate(name: str, folder: Path) -> Path:
    """Do what `sed` does, with the program and the modules beside it."""
    for each in (name, *MODULES):
        text = (FOLDER / f"{each}.py").read_text(encoding="utf-8").replace("multiprocessing", "procession")
        scripts.write_script(folder, text, f"{each}.py")
    return folder / f"{name}.py"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NAMES)
def test_program_prints_what_it_printed_before(name: str, method: str, tmp_path: Path, elsewhere: Path) -> None:
    if name in NEED_NUMPY:
        pytest.importorskip("numpy")
    wanted = theirs(name, elsewhere)
    assert wanted.returncode == 0, wanted.stderr
    arguments = [] if method == "default" else [method]
    ended = scripts.run_command([sys.executable, str(translate(name, tmp_path)), *arguments], tmp_path, timeout=TIMEOUT)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert lines(ended.stdout) == lines(wanted.stdout)
