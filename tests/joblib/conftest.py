"""The backend keeps its workers for the next call; a test must leave none behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("joblib", reason="joblib is not installed: pip install 'procession[joblib]'")


@pytest.fixture(autouse=True)
def none_kept(nothing_left: None) -> Iterator[None]:
    yield
    import procession.joblib

    procession.joblib.close()
