"""A pool of two for tests that are not about its beginning or end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from procession import Pool


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(2) as made:
        yield made
