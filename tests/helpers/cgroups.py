"""A cgroup with little memory, for programs of a test: below the one in which the test runs, where that is allowed.

Knows: cgroup v1 and v2.
Must not know: what runs in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from procession.launcher import host
from tests.helpers.wait import wait_until

LIMIT_FILES = {1: "memory.limit_in_bytes", 2: "memory.max"}


@contextmanager
def small_cgroup(limit: int) -> Iterator[Path]:
    """Make a cgroup that grants so many bytes; skip the test where that is not possible.

    Who writes `$$` into its `cgroup.procs` is in it. At the end it must be empty.
    """
    for version, folders in host.cgroup_paths("/", "memory"):
        folder = Path(folders[0]) / f"procession-test-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            with suppress(OSError):
                (folder / LIMIT_FILES[version]).write_text(str(limit))
                (folder / "memory.swap.max").write_text("0") if version == 2 else None
            if (
                host.OomCounter(str(folder / oom_file(version)), "cgroup").read() is not None
                and granted(folder) == limit
            ):
                yield folder
                return
        finally:
            wait_until(lambda folder=folder: remove(folder), 20, "the cgroup is empty")  # type: ignore[misc]
    pytest.skip("no cgroup with a limit can be made here")


def oom_file(version: int) -> str:
    """The file in which killed processes are counted."""
    return "memory.oom_control" if version == 1 else "memory.events"


def granted(folder: Path) -> int | None:
    """What a cgroup grants, in bytes."""
    for name in LIMIT_FILES.values():
        with suppress(OSError, ValueError):
            return int((folder / name).read_text())
    return None


def remove(folder: Path) -> bool:
    """Take a cgroup away; False while a process is in it."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
