"""One client, one face, one start method: run in an interpreter of its own, with a time limit, leaving nothing.

Knows: processes of this system, by the mark that a cell's environment carries.
Must not know: procession; it is not asked whether it has cleaned up.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import environment

LIMIT_SECONDS = 120  # for one cell; the longest takes 15 s on 2 busy cores
STACKS_SECONDS = 0.3  # how long a process may take to write its stacks, before the next one does
LEFT_SECONDS = 5.0  # how long what a cell has started may live on after it
MARK = "CLIENTS_CELL"
SCRIPTS = environment.HERE / "scripts"


@dataclass(frozen=True)
class Cell:
    """What is run.

    Args:
        script: The client's script.
        face: pool, executor or joblib.
        method: A start method, or `default`.
    """

    script: Path
    face: str
    method: str


@dataclass(frozen=True)
class Result:
    """How a cell ended.

    Args:
        cell: Which.
        error: What went wrong; empty if nothing did.
        seconds: How long it took.
    """

    cell: Cell
    error: str
    seconds: float

    @property
    def word(self) -> str:
        """What the table says: of a script that failed, the last line, where Python tells the error."""
        lines = self.error.splitlines() or ["ok"]
        return lines[-1 if lines[0].startswith("exit code") else 0]


def faces(script: Path) -> list[str]:
    """Read which faces a script has a use for."""
    found = re.search(r"^FACES = \((.*)\)$", script.read_text(), re.MULTILINE)
    return re.findall(r'"(\w+)"', found[1]) if found else ["pool", "executor"]


def run(cell: Cell) -> Result:
    """Run a cell, end what is left of it, and tell."""
    mark = f"{os.getpid()}-{os.urandom(6).hex()}"
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clients-") as folder:
        witnesses = Path(folder, "witnesses")
        witnesses.mkdir()
        variables = {
            **os.environ,
            MARK: mark,
            "CLIENTS_WITNESSES": str(witnesses),
            "PYTHONPATH": str(environment.HERE),
            "PYTHONWARNINGS": "default::ResourceWarning",
        }
        command = [str(environment.PYTHON), str(cell.script), cell.face, cell.method]
        with open(Path(folder, "output"), "w+", errors="replace") as output:
            process = subprocess.Popen(
                command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
            error = _wait(process, mark)
            output.seek(0)
            text = output.read()
    seconds = time.monotonic() - began
    return Result(cell, f"{error}\n{text.strip()}" if error else "", seconds)


def _wait(process: subprocess.Popen[str], mark: str) -> str:
    """Wait for the end of a cell and of all that it has started; say what was wrong with it."""
    error = ""
    try:
        if process.wait(LIMIT_SECONDS):
            error = f"exit code {process.returncode}"
    except subprocess.TimeoutExpired:
        error = f"no end within {LIMIT_SECONDS} s"
        for pid in _marked(mark):
            if _catches(pid, signal.SIGUSR1):  # it would end any other
                _send(pid, signal.SIGUSR1)
                time.sleep(STACKS_SECONDS)
    else:
        end = time.monotonic() + LEFT_SECONDS
        while (left := _marked(mark)) and time.monotonic() < end:
            time.sleep(0.05)
        if left:
            error = (error + "; " if error else "") + f"left behind: {'; '.join(map(_command, left))}"
    for pid in _marked(mark):
        _send(pid, signal.SIGKILL)
    process.wait()
    return error


def _marked(mark: str) -> list[int]:
    """The processes that a cell has started: whatever was forked or executed below it has its environment."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if f"{MARK}={mark}".encode() in Path("/proc", name, "environ").read_bytes():
                found.append(int(name))
        except OSError:
            continue  # another user's, or gone
    return found


def _catches(pid: int, number: int) -> bool:
    try:
        caught = re.search(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return False
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)


def _command(pid: int) -> str:
    try:
        return f"{pid} {Path(f'/proc/{pid}/cmdline').read_bytes().replace(bytes(1), b' ').decode()[:200]}"
    except OSError:
        return f"{pid} (gone)"


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it has ended by itself
