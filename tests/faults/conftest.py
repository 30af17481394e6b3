"""What the tests of faults share."""

from __future__ import annotations

import sys

import pytest

from tests.faults import small_main as module


@pytest.fixture
def small_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for pytest's main module, which spawn and forkserver would run again in every worker."""
    monkeypatch.setitem(sys.modules, "__main__", module)
