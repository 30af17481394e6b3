"""The environment of the peers: `benchmarks/.venv`, made once, and again when the list of peers changes.

Knows: pip and venv. The library itself is not installed there: cells find the checkout's by PYTHONPATH.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
FOLDER = HERE / ".venv"
PYTHON = FOLDER / "bin" / "python"
LIST = HERE / "peers.txt"


def ready() -> bool:
    """Tell whether the environment is there, complete, and made from the present list."""
    stamp = FOLDER / "made-from.txt"
    return PYTHON.exists() and stamp.exists() and stamp.read_text() == _origin()


def make() -> None:
    """Make the environment with the Python that runs this."""
    print(f"making benchmarks/.venv with Python {sys.version.split()[0]} and {LIST.name}", flush=True)
    venv.create(FOLDER, clear=True, with_pip=True, symlinks=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", str(LIST)], check=True)
    (FOLDER / "made-from.txt").write_text(_origin())


def _origin() -> str:
    return f"{sys.version}\n{LIST.read_text()}"


def variables() -> dict[str, str]:
    """The variables of a cell: the checkout's library, and nothing that would change the number of workers."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PROCESSION_WORKERS", "PYTHON_CPU_COUNT")}
    return {**kept, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
