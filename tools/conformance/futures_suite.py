"""CPython's tests of the process executor under one start method, which CONFORMANCE_METHOD names.

The tests of its thread executor and of futures alone are not of procession's code.
"""

import importlib
import os
import unittest
from pathlib import Path

import cpython_futures

METHOD = os.environ["CONFORMANCE_METHOD"]
FOLDERS = getattr(cpython_futures, "__path__", ())  # none: it is one file


def wanted(name):
    """True for a test of the process executor under this method, by its class and its name."""
    owner, test = name.split(".")[-2:]
    if owner == "FailingInitializerResourcesTest":
        return test == f"test_{METHOD}"
    start = f"ProcessPool{METHOD.capitalize()}"
    return owner.startswith(start) and not owner.startswith("ProcessPoolForkserver" if METHOD == "fork" else "-")


def each(tests):
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            yield from each(test)
        elif wanted(test.id()):
            yield test


def load_tests(loader, tests, pattern):
    files = sorted(path.stem for folder in FOLDERS for path in Path(folder).glob("test_*.py"))
    names = [f"cpython_futures.{name}" for name in files] or ["cpython_futures"]
    found = [loader.loadTestsFromModule(importlib.import_module(name)) for name in names]
    return unittest.TestSuite(each(found))
