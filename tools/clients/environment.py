"""The environment of the clients: `.venv-clients`, made once, and again when the list of clients changes.

Knows: pip and venv. procession itself is installed there from the checkout, as its users install it.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOLDER = ROOT / ".venv-clients"
PYTHON = FOLDER / "bin" / "python"
LIST = HERE / "requirements.txt"


def make() -> None:
    """Make the environment with the Python that runs this, if it is not there or made from something else."""
    stamp, origin = FOLDER / "made-from.txt", f"{sys.version}\n{ROOT}\n{LIST.read_text()}"
    if stamp.exists() and stamp.read_text() == origin:
        return
    print(f"making {FOLDER.name} with Python {sys.version.split()[0]} and {LIST.name}", flush=True)
    venv.create(FOLDER, clear=True, with_pip=True, symlinks=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", str(LIST), "--editable", f"{ROOT}[joblib]"], check=True)
    stamp.write_text(origin)
