"""Scripts run as a user runs them: in an interpreter of their own, seen only by their output and exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.helpers import processes

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"


@dataclass(frozen=True)
class Finished:
    """How a script ended.

    Args:
        returncode: As `subprocess` gives it: negative for a signal.
        stdout: All that it and its children wrote there.
        stderr: The same.
    """

    returncode: int
    stdout: str
    stderr: str


def environment(extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Give the environment of a script: this one's, with `src` importable and no settings of the tests.

    Args:
        extra: Variables to set; None takes one away.
    """
    values: dict[str, str | None] = dict(os.environ)
    values["PYTHONPATH"] = str(SRC)
    values["PYTHONFAULTHANDLER"] = None
    values["PYTHON_COLORS"] = "0"  # in tracebacks on a terminal, from 3.13 on
    values.update(extra or {})
    return {name: value for name, value in values.items() if value is not None}


def write_script(folder: Path, text: str, name: str = "script.py") -> Path:
    """Write a script, its common indentation taken away."""
    path = folder / name
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return path


def run_command(
    command: Sequence[str],
    folder: Path,
    *,
    timeout: float = 60.0,
    environ: Mapping[str, str | None] | None = None,
    stdin: str | None = None,
) -> Finished:
    """Run a command in a session of its own and wait for its end.

    Output goes to files, not to pipes: a child that outlives the command and holds a pipe open would be waited for.

    Args:
        command: The program and its arguments.
        folder: Its working directory; the output is kept there too.
        timeout: Seconds; then the command and all that it has started is killed.
        environ: Variables to set beside this process's own; None takes one away.
        stdin: Its standard input; None: at end of file.

    Raises:
        AssertionError: It ran too long. The output so far is in the text.
    """
    mark = f"{os.getpid()}-{os.urandom(8).hex()}"
    variables = environment({processes.MARK + "_SCRIPT": mark, **(environ or {})})
    number = len(list(folder.glob("*.stdout")))
    paths = [folder / f"{number}.stdin", folder / f"{number}.stdout", folder / f"{number}.stderr"]
    paths[0].write_text(stdin or "", encoding="utf-8")
    with open(paths[0], "rb") as given, open(paths[1], "wb") as out, open(paths[2], "wb") as err:
        process = subprocess.Popen(
            list(command), cwd=folder, env=variables, stdin=given, stdout=out, stderr=err, start_new_session=True
        )
    late = False
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        late = True
    finally:
        if process.returncode is None:
            _kill_all(process, mark)
    output = [path.read_text(encoding="utf-8", errors="replace") for path in paths[1:]]
    if late:
        text = "".join(f"\n--- {name}\n{part}" for name, part in zip(("stdout", "stderr"), output, strict=True))
        raise AssertionError(f"ran longer than {timeout} s: {' '.join(command)}{text}")
    return Finished(process.returncode, *output)


def run_script(
    text: str,
    folder: Path,
    *,
    timeout: float = 60.0,
    flags: Sequence[str] = (),
    arguments: Sequence[str] = (),
    environ: Mapping[str, str | None] | None = None,
    stdin: str | None = None,
    name: str = "script.py",
) -> Finished:
    """Write a script and run it with this Python.

    Args:
        text: The script; its common indentation is taken away.
        folder: Where it is written and run.
        timeout: Seconds; then it is killed with all that it has started.
        flags: The interpreter's, such as `-X dev`.
        arguments: The script's.
        environ: Variables to set; None takes one away.
        stdin: Its standard input; None: at end of file.
        name: The file's name.

    Raises:
        AssertionError: It ran too long.
    """
    path = write_script(folder, text, name)
    command = [sys.executable, *flags, str(path), *arguments]
    return run_command(command, folder, timeout=timeout, environ=environ, stdin=stdin)


def _kill_all(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kill a command's process group and whatever carries its mark: workers lead sessions of their own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    processes.kill(processes.ours(mark))
    process.wait()
