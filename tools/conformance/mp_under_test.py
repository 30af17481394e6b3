"""What CPython's tests see as `multiprocessing`: the standard library's names, with procession's pool among them.

The rest of procession's own namespace takes the place of the standard library's here as it comes to be.
"""

from __future__ import annotations

import importlib
import multiprocessing
import sys
from typing import Any

import procession
import procession.pool

__path__: list[str] = []  # a package to the import system: `import mp_under_test.queues`

SUBMODULES = (
    "connection", "context", "dummy", "forkserver", "heap", "managers", "popen_fork", "popen_forkserver",
    "popen_spawn_posix", "process", "queues", "reduction", "resource_tracker", "shared_memory", "sharedctypes", "spawn",
    "synchronize", "util",
)  # fmt: skip

globals().update({name: value for name, value in vars(multiprocessing).items() if not name.startswith("_")})
for _name in SUBMODULES:
    _module: Any = importlib.import_module(f"multiprocessing.{_name}")
    globals()[_name] = sys.modules[f"{__name__}.{_name}"] = _module
pool = sys.modules[f"{__name__}.pool"] = procession.pool
Pool = procession.Pool
