"""Every backend that this machine has, and a pool of two on each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from procession import Pool

BACKENDS = ("processes", "threads", "serial")


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each value that `backend=` may have."""
    name: str = request.param
    return name


@pytest.fixture(params=BACKENDS[1:])
def inside(request: pytest.FixtureRequest) -> str:
    """Those whose items run in this process."""
    name: str = request.param
    return name


@pytest.fixture
def pool(backend: str) -> Iterator[Pool]:
    with Pool(2, backend=backend) as made:  # type: ignore[arg-type]  # one of the three
        yield made


@pytest.fixture
def inside_pool(inside: str) -> Iterator[Pool]:
    with Pool(2, backend=inside) as made:  # type: ignore[arg-type]  # as above
        yield made
