"""What the tests of faults share."""

from __future__ import annotations

import os
import random
import sys

import pytest

from tests.faults import small_main as module


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In a storm, run the cells in another order each round."""
    seed = os.environ.get("PROCESSION_STORM_SEED")
    if seed is not None:
        random.Random(int(seed)).shuffle(items)


@pytest.fixture
def small_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for pytest's main module, which spawn and forkserver would run again in every worker."""
    monkeypatch.setitem(sys.modules, "__main__", module)
