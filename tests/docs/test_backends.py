"""The examples of docs/backends.md run, and print what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "backends.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example, shown", EXAMPLES)
def test_example_prints_what_the_page_says(run_script: Any, example: str, shown: str) -> None:
    done = run_script(example)
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == shown


def test_every_example_is_one_of_them() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 2
