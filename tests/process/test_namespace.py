"""`import procession as mp`: every name of multiprocessing is there, and every module that programs import."""

from __future__ import annotations

import importlib
import multiprocessing
import subprocess
import sys

import pytest

import procession
from tests.helpers.scripts import environment

MODULES = (
    "connection", "context", "dummy", "heap", "managers", "pool", "process", "queues", "reduction", "resource_tracker",
    "shared_memory", "sharedctypes", "spawn", "synchronize", "util",
)  # fmt: skip
PRIVATE = ("popen_fork", "popen_forkserver", "popen_spawn_posix", "forkserver", "resource_sharer")


@pytest.mark.short
def test_no_name_is_missing() -> None:
    assert set(multiprocessing.__all__) <= set(dir(procession)) & set(procession.__all__)
    for name in multiprocessing.__all__:
        assert getattr(procession, name) is not None
    for name in ("Manager", "Pool", "Process", "get_context"):
        assert getattr(procession, name) is not getattr(multiprocessing, name)


@pytest.mark.parametrize("name", MODULES + PRIVATE)
def test_module_is_found_both_ways(name: str) -> None:
    code = (
        f"import procession.{name}; import procession, sys; assert procession.{name} is not None; "
        f"from procession import {name}; from multiprocessing import {name} as theirs; "
        f"assert all(hasattr({name}, each) for each in dir(theirs) if not each.startswith('__'))"
    )
    for each in (code, f"import procession; procession.{name}; " + code):
        subprocess.run([sys.executable, "-c", each], check=True, env=environment())


def test_star_and_names_of_modules() -> None:
    names: dict[str, object] = {}
    exec("from procession import *", names)
    assert set(multiprocessing.__all__) <= set(names)
    for name in MODULES:
        theirs = importlib.import_module(f"multiprocessing.{name}")
        ours = importlib.import_module(f"procession.{name}")
        for each in getattr(theirs, "__all__", ()):
            assert hasattr(ours, each), (name, each)


def test_classes_are_the_standard_librarys_or_subclasses() -> None:
    from procession import connection, dummy, queues, shared_memory, synchronize

    for name in ("Queue", "JoinableQueue", "SimpleQueue"):
        assert issubclass(getattr(queues, name), getattr(multiprocessing.queues, name))
    for name in ("Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier"):
        assert issubclass(getattr(synchronize, name), getattr(multiprocessing.synchronize, name))
    assert connection.Listener is multiprocessing.connection.Listener
    assert shared_memory.SharedMemory and synchronize.Lock and dummy.Process
    assert issubclass(procession.Process, multiprocessing.Process)
    assert issubclass(procession.managers.SyncManager, multiprocessing.managers.SyncManager)
    assert procession.TimeoutError is multiprocessing.TimeoutError


def test_module_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        procession.nothing  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError, match="nothing"):
        procession.process.nothing  # noqa: B018


def test_importing_stays_cheap() -> None:
    code = "import sys, procession; sys.exit(any(each.startswith('multiprocessing') for each in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], env=environment()).returncode == 0
