"""An executor of two for tests that are not about its beginning or end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from procession import ProcessPoolExecutor


@pytest.fixture
def executor() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2) as made:
        yield made


@pytest.fixture
def single() -> Iterator[ProcessPoolExecutor]:
    """One worker: what stands behind a running call has not begun."""
    with ProcessPoolExecutor(1) as made:
        assert made.submit(abs, -1).result(30) == 1
        yield made
