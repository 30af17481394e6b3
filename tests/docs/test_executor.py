"""The examples of docs/executor.md run, and print what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.scripts import Finished

PAGE = (Path(__file__).parents[2] / "docs" / "executor.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.limit(60)
@pytest.mark.parametrize(("example", "shown"), EXAMPLES)
def test_example_prints_what_the_page_says(run_script: Callable[..., Finished], example: str, shown: str) -> None:
    done = run_script(example)
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")


def test_every_example_says_what_it_prints() -> None:
    assert PAGE.count("```python") == len(EXAMPLES) == 3
