"""The examples of pages that show what each prints run, and print that."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.helpers.scripts import ROOT, Finished

PAGES = {
    "backends": 2,
    "executor": 3,
    "policies": 4,
    "pool": 4,
    "runs": 4,
    "sharing": 8,
    "workers": 6,
}  # how many examples
SHOW_ERRORS = ("backends", "workers")  # what they say is printed may be standard error's


def text_of(page: str) -> str:
    return (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")


def examples_of(page: str) -> list[tuple[str, str]]:
    return re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text_of(page), re.DOTALL)


@pytest.mark.limit(60)
@pytest.mark.parametrize(("page", "example", "shown"), [(page, *each) for page in PAGES for each in examples_of(page)])
def test_example_prints_what_the_page_says(
    run_script: Callable[..., Finished], page: str, example: str, shown: str
) -> None:
    done = run_script(example)
    assert done.returncode == 0, done.stderr
    if page in SHOW_ERRORS:
        assert done.stdout + done.stderr == shown
    else:
        assert (done.stdout, done.stderr) == (shown, "")


@pytest.mark.parametrize("page", PAGES)
def test_every_example_says_what_it_prints(page: str) -> None:
    assert text_of(page).count("```python") == len(examples_of(page)) == PAGES[page]
