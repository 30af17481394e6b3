"""The page about clients tells of every one that is run, and its example prints what it says."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.scripts import Finished

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")


def test_table_has_every_client_and_face_under_every_start_method(monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(ROOT / "tools" / "clients")
    import run

    for name in set(sys.modules) - before:  # another tool's `run` must find its own name free
        monkeypatch.delitem(sys.modules, name)
    cells = {(cell.script.stem, cell.face, cell.method) for cell in run.chosen([])}
    rows = re.findall(r"^\| (\w+) +\| (pool|executor|joblib) +\|(.*)\|$", PAGE, re.MULTILINE)
    shown = {
        (client, face, method)
        for client, face, results in rows
        for method, result in zip(run.METHODS, results.split("|"), strict=True)
        if result.strip() == "ok"
    }
    assert shown == cells


@pytest.mark.limit(60)
def test_example(run_script: Callable[..., Finished]) -> None:
    pytest.importorskip("joblib", reason="joblib is not installed: pip install 'procession[joblib]'")
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    done = run_script(example)
    assert done.stdout == "[0, 1, 4, 9, 16]\n" and done.stdout.strip() in PAGE and not done.stderr
