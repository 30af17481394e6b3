"""The page about multiprocessing: its examples run, its files are there."""

from __future__ import annotations

import re

from tests.helpers.scripts import ROOT

PAGE = (ROOT / "docs" / "multiprocessing.md").read_text(encoding="utf-8")
SHOWN = re.compile(r"# (\S.*)$", re.M)


def test_examples_print_what_the_page_says(run_script) -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert examples
    for example in examples:
        done = run_script(example)
        assert (done.returncode, done.stderr) == (0, "") and done.stdout.split("\n")[:-1] == SHOWN.findall(example)


def test_pages_that_it_names_are_there() -> None:
    for name in re.findall(r"`(docs/[\w-]+\.md)`", PAGE):
        assert (ROOT / name).exists(), name
