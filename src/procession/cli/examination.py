"""What `procession doctor` finds out: limits, folders, libraries, and whether workers start.

Knows: the host, the system's limits, the packages that extras bring.
Must not know: how it is shown.
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import re
import shutil
import tempfile
import time
from importlib import metadata
from typing import Any

import procession
from procession.launcher import host
from procession.runs import places

_PACKAGE = "procession"
_DESCRIPTORS_OF_ONE_WORKER = 8  # in the parent: channel, tickets, lifeline, output; and as many to spare
_DESCRIPTORS_BESIDE = 64
_LEAST_FREE = 100 << 20  # bytes of a folder; less is worth a word
_REQUIRED = re.compile(r"^([A-Za-z0-9._-]+).*;.*extra\s*==\s*['\"]([A-Za-z0-9._-]+)['\"]")
_NOT_FOR_USERS = ("dev",)


def examine() -> dict[str, Any]:
    """Find out everything.

    Raises:
        ValueError: PROCESSION_WORKERS or PYTHON_CPU_COUNT is not a number of workers.
    """
    count = host.worker_count()
    started = {method: _try_a_worker(method) for method in host.start_methods()}
    found = {
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
        "processes": host.process_limit(),
        "sqlite": _sqlite(),
        "state_folder": folder(places.state_folder()),
        "temporary_folder": folder(tempfile.gettempdir()),
        "packages": {name: version(name) for name in ("cloudpickle", "click", "rich")},
        "extras": extras(),
        "worker_seconds": {method: seconds for method, (seconds, _) in started.items()},
        "worker_errors": {method: error for method, (_, error) in started.items() if error is not None},
    }
    return {**found, "problems": problems(found)}


def problems(found: dict[str, Any]) -> list[str]:
    """Say what will stop work, and what to do.

    Args:
        found: What was found out.
    """
    workers = found["workers"]
    lines = [f"start method {method}: {error}" for method, error in found["worker_errors"].items()]
    least = _DESCRIPTORS_BESIDE + workers * _DESCRIPTORS_OF_ONE_WORKER
    if found["descriptors"] is not None and found["descriptors"] < least:
        lines.append(f"{found['descriptors']} descriptors are few for {workers} workers: ulimit -n {max(1024, least)}")
    if found["processes"] is not None and found["processes"] < 4 * workers + 16:
        lines.append(f"{found['processes']} processes are few for {workers} workers and what they start: ulimit -u")
    if found["sqlite"] is None:
        lines.append("this Python has no sqlite3, so runs have no journal: install it, or use --journal none")
    for name, hint in (
        ("state_folder", "set PROCESSION_STATE, or use --journal none"),
        ("temporary_folder", "set TMPDIR"),
    ):
        place = found[name]
        if place["error"] is not None:
            lines.append(f"{place['path']}: {place['error']}: {hint}")
        elif place["free_bytes"] < _LEAST_FREE:
            lines.append(f"{place['path']}: {place['free_bytes'] >> 20} MiB are left: make room, or {hint}")
    return lines


def folder(path: str) -> dict[str, Any]:
    """Say whether files can be written below a folder, and how much room there is.

    Args:
        path: The folder; it need not be there yet.
    """
    there = path
    while not os.path.exists(there) and os.path.dirname(there) != there:
        there = os.path.dirname(there)
    error = None
    if not os.path.isdir(there):
        error = f"{there} is not a folder"
    elif not os.access(there, os.W_OK | os.X_OK):
        error = "cannot be written to"
    else:
        try:
            with tempfile.TemporaryFile(dir=there) as file:
                file.write(b"x")
        except OSError as refused:  # read-only, full
            error = str(refused.strerror)
    free = shutil.disk_usage(there).free if os.path.isdir(there) else 0
    return {"path": path, "there": there == path, "free_bytes": free, "error": error}


def extras() -> dict[str, dict[str, str | None]]:
    """Give the packages of each extra, with the version that is installed."""
    found: dict[str, dict[str, str | None]] = {}
    try:
        requirements = metadata.requires(_PACKAGE) or []
    except metadata.PackageNotFoundError:  # it runs from its source
        return {}
    for requirement in requirements:
        match = _REQUIRED.match(requirement)
        if match is not None and match[2] not in _NOT_FOR_USERS:
            found.setdefault(match[2], {})[match[1]] = version(match[1])
    return found


def version(name: str) -> str | None:
    """Give the version of a package; None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _sqlite() -> str | None:
    try:
        import sqlite3
    except ImportError:  # a Python that was built without it
        return None
    return sqlite3.sqlite_version


def _try_a_worker(method: str) -> tuple[float | None, str | None]:
    began = time.monotonic()
    try:
        procession.map(len, ["ready"], processes=1, context=method)
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"
    return time.monotonic() - began, None
