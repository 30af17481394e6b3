"""`procession doctor`: what this machine grants, and whether a worker starts.

Knows: the host's limits, the versions of packages.
Must not know: how a worker is made.
"""

from __future__ import annotations

import json
import multiprocessing
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

import procession
from procession.cli.commands import Refused
from procession.launcher import host

_PACKAGES = ("cloudpickle", "click", "rich", "Pillow", "numpy", "joblib")
_NEEDS_EXTRA = {"Pillow": "pip install 'procession[images]'", "joblib": "pip install 'procession[joblib]'"}
_MEBIBYTE = 1 << 20


@click.command("doctor", short_help="Show what limits workers here.")
@click.option("--json", "as_json", is_flag=True, help="Write it as JSON.")
def command(as_json: bool) -> int:
    """Show how many workers a pool gets and why, the limits of this machine, and start one worker to see that it works.

    The exit code is 1 if the worker did not answer.
    """
    try:
        found = examine()
    except ValueError as error:  # a variable that sets the number of workers holds no number
        raise Refused(str(error)) from error
    if as_json:
        click.echo(json.dumps(found))
    else:
        for name, text in describe(found):
            click.echo(f"{name:<18}{text}")
    return 0 if found["worker_error"] is None else 1


def examine() -> dict[str, Any]:
    """Find out everything.

    Raises:
        ValueError: PROCESSION_WORKERS or PYTHON_CPU_COUNT is not a number of workers.
    """
    count = host.worker_count()
    seconds, error = _try_a_worker()
    return {
        "procession": procession.__version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "workers": count.count,
        "workers_limit": count.limit,
        "start_methods": list(host.start_methods()),
        "python_start_method": multiprocessing.get_context().get_start_method(),
        "memory_limit_bytes": host.memory_limit(),
        "shm_bytes": host.shm_size(),
        "descriptors": host.descriptor_limit(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "worker_seconds": seconds,
        "worker_error": error,
    }


def describe(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Say it in lines of a name and a text."""
    packages = [(name, number or _missing(name)) for name, number in found["packages"].items()]
    worker = f"started and answered in {1000 * (found['worker_seconds'] or 0):.0f} ms"
    if found["worker_error"]:
        worker = f"failed: {found['worker_error']}"
    methods = found["start_methods"]
    return [
        ("procession", found["procession"]),
        ("python", f"{found['python']} ({sys.executable})"),
        ("platform", found["platform"]),
        ("workers", f"{found['workers']}, by {found['workers_limit']}"),
        ("start method", f"{methods[0]} for commands; also here: {', '.join(methods[1:]) or 'none'}"),
        ("", f"a Pool follows multiprocessing here: {found['python_start_method']}"),
        ("memory limit", _size(found["memory_limit_bytes"], "no limit of a cgroup")),
        ("/dev/shm", _size(found["shm_bytes"], "not there")),
        ("descriptors", "no limit" if found["descriptors"] is None else f"{found['descriptors']} for each process"),
        *packages,
        ("a worker", worker),
    ]


def _try_a_worker() -> tuple[float | None, str | None]:
    began = time.monotonic()
    try:
        procession.map(len, ["ready"], processes=1)
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"
    return time.monotonic() - began, None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _missing(name: str) -> str:
    hint = _NEEDS_EXTRA.get(name)
    return f"not installed: {hint}" if hint else "not installed"


def _size(count: int | None, otherwise: str) -> str:
    return otherwise if count is None else f"{count / _MEBIBYTE:,.0f} MiB"
