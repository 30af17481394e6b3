"""The facts of the machine and of the versions that a reader of figures needs; no host names, no paths."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
from pathlib import Path

from benchmarks import environment

PACKAGES = ("loky", "joblib", "mpire", "pebble", "pillow", "cloudpickle")
QUESTION = f"""
import importlib.metadata, json, platform
found = {{"Python": platform.python_version()}}
for name in {PACKAGES!r}:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def facts(python: Path) -> dict[str, str]:
    """Ask the kernel, and the Python of the cells."""
    answer = subprocess.run(
        [str(python), "-c", QUESTION], stdout=subprocess.PIPE, check=True, env=environment.variables()
    )
    versions = json.loads(answer.stdout)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.date.today().isoformat(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory:.0f} GiB",
        "system": f"{os.uname().sysname} {os.uname().release.split('-')[0]}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "load at the start": f"{os.getloadavg()[0]:.1f}",
    }
