"""What tutorials of multiprocessing teach runs with the import line changed, under every start method, with the same
output as there.

Each file of `examples/tutorial` is run as it is, and once more with the standard library in place of procession; where
processes write in an order of their own, only the lines themselves are compared.
"""

from __future__ import annotations

import functools
import re
import sys
from pathlib import Path

import pytest

from tests.helpers import scripts, terminals

FOLDER = scripts.ROOT / "examples" / "tutorial"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
METHODS = ("default", "fork", "spawn", "forkserver")
BY_HAND = ("pool_ctrl_c",)  # those that somebody must end
NO_METHOD = ("threads", "joblib_backend")
ONLY_HERE = {  # what the standard library has not, and what it prints
    "process_result": "0.25\n0.5\nZeroDivisionError('division by zero')\n",
    "manager_nested": "[0, 1, 4, 9]\n{'even': [0, 2], 'odd': [1, 3]}\n",
    "asyncio_pool": "[0, 1, 4, 9]\n[0.0, 0.5, 1.0, 1.5]\n",
    "joblib_backend": "[0, 1, 4, 9, 16, 25]\n",
}
TIMEOUT = 60.0


def with_the_standard_library(text: str) -> str:
    """Put the standard library in place of procession: what `sed` does on the way here, the other way round."""
    return text.replace("procession.futures", "concurrent.futures").replace("procession", "multiprocessing")


def lines(text: str) -> list[str]:
    return sorted(text.splitlines())


@functools.cache
def theirs(name: str, folder: Path) -> scripts.Finished:
    text = with_the_standard_library((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    return scripts.run_script(text, folder, timeout=TIMEOUT, environ={"PYTHONUNBUFFERED": None})


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("standard")


def run(name: str, method: str, folder: Path) -> scripts.Finished:
    arguments = [] if method == "default" else [method]
    command = [sys.executable, str(FOLDER / f"{name}.py"), *arguments]
    # without it a line is written in pieces, between which another process may write
    return scripts.run_command(command, folder, timeout=TIMEOUT, environ={"PYTHONUNBUFFERED": None})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in (*BY_HAND, *ONLY_HERE)])
def test_example_prints_what_it_prints_with_multiprocessing(
    name: str, method: str, tmp_path: Path, elsewhere: Path
) -> None:
    if name in NO_METHOD and method != "default":
        pytest.skip("threads have no start method")
    if "numpy" in (FOLDER / f"{name}.py").read_text(encoding="utf-8"):
        pytest.importorskip("numpy")
    wanted = theirs(name, elsewhere)
    assert wanted.returncode == 0, wanted.stderr
    ended = run(name, method, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    if name == "contexts" and method != "default":  # one of the three lines
        assert set(lines(ended.stdout)) <= set(lines(wanted.stdout))
        assert len(lines(ended.stdout)) == 2
    else:
        assert lines(ended.stdout) == lines(wanted.stdout)


@pytest.mark.parametrize("method", METHODS)
def test_ctrl_c_ends_the_pool_by_the_old_recipe(method: str, tmp_path: Path) -> None:
    arguments = [] if method == "default" else [method]
    command = [sys.executable, str(FOLDER / "pool_ctrl_c.py"), *arguments]
    with terminals.pty_session(command, tmp_path) as terminal:
        terminal.read_until("press Ctrl-C")
        terminal.press(terminals.CTRL_C)
        assert terminal.wait() == 0
        shown = terminal.screen.replace("^C", "").split()
        assert shown == "press Ctrl-C interrupted the pool has ended".split()


@pytest.mark.short
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ONLY_HERE)
def test_example_of_what_is_only_here_prints_what_it_should(name: str, method: str, tmp_path: Path) -> None:
    if name in NO_METHOD and method != "default":
        pytest.skip("it chooses its workers by itself")
    if name == "joblib_backend":
        pytest.importorskip("joblib", reason="joblib is not installed: pip install 'procession[joblib]'")
    ended = run(name, method, tmp_path)
    assert (ended.stdout, ended.returncode) == (ONLY_HERE[name], 0)
    assert not ended.stderr or ended.stderr.startswith("Process ")  # one that fails says so, as in multiprocessing


def test_only_the_import_names_procession() -> None:
    for name in set(NAMES).difference(ONLY_HERE):
        text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
        for line in text.splitlines():
            if "procession" in line and not re.match(r"(import|from) procession", line):
                assert re.search(r"\bprocession\.[A-Za-z_]+\(", line), f"{name}: {line}"
