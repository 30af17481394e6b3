"""Scripts that talk to another process by nothing but `Shipper` and `install`."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import scripts

HERE = Path(__file__).resolve().parent


def far_environment(kind: str) -> dict[str, str | None]:
    """Give the environment in which a script finds `far_side`."""
    return {"PYTHONPATH": os.pathsep.join((str(scripts.SRC), str(HERE))), "FAR_SIDE": kind}


@pytest.fixture(params=["clean", "early", "late"])
def far_kind(request: pytest.FixtureRequest) -> str:
    """What the other process has of `__main__` from its start: nothing, or a fork's memory of before or after."""
    kind: str = request.param
    return kind


@pytest.fixture
def far_script(far_kind: str, tmp_path: Path) -> Callable[[str], None]:
    """`far_script(text)` runs a script that may call `far(function, *arguments)`; it must not fail."""

    def run(text: str) -> None:
        text = "from far_side import Failed, Far\nfar = Far()\n" + textwrap.dedent(text)
        ended = scripts.run_script(text, tmp_path, environ=far_environment(far_kind))
        assert ended.returncode == 0, ended.stderr

    return run
