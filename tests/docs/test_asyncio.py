"""The examples of docs/asyncio.md run, and print what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "asyncio.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
SHOWN = [
    "144\n[0, 1, 4, 9, 16]\n0\n1\n4\n",
    "LINE 0\nLINE 1\nLINE 2\n",
    "too slow\n3\n",
    "['<a>', '<b>']\n",
]


@pytest.mark.limit(60)
@pytest.mark.parametrize(("example", "shown"), list(zip(EXAMPLES, SHOWN, strict=True)))
def test_example_prints_what_the_page_says(run_script, example: str, shown: str) -> None:
    done = run_script(example)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert done.stdout == shown
