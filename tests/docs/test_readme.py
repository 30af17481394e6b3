"""The README's examples run, and print what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
SHOWN = [
    ["[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]", "144"],
    ["[101, 102, 103]", "LAZY\nINPUT"],
    ["4 40", "5 item 5 (5): worker", "was killed by SIGKILL(-9)", "7 70"],
    ["6 done, 2 failed\n", "3 procession.model.stops.TimeLimitExceeded in 3 attempts\n", "5 ConnectionError in 3"],
    ["['ANT', 'BEE']\n"],
    ["1024 [1, 2]\n"],
    ["[3, 4]\nX\nY\n"],
    ["[5, 6]\n"],
    ["('ann', ", "'rolling for ann\\n' None", "('bob', ", "'rolling for bob\\n' None"],
]


@pytest.mark.short
@pytest.mark.parametrize(("example", "shown"), list(zip(EXAMPLES, SHOWN, strict=True)))
def test_example_prints_what_the_readme_says(run_script, example: str, shown: list[str]) -> None:
    if "import joblib" in example:
        pytest.importorskip("joblib", reason="joblib is not installed: pip install 'procession[joblib]'")
    done = run_script(example)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    for text in shown:
        assert text in done.stdout


def test_every_test_that_the_readme_names_is_there() -> None:
    root = README.parent
    names = re.findall(r"`((?:tests|benchmarks|docs)/[\w./-]+?)(?:::(\w+))?`", README.read_text(encoding="utf-8"))
    assert len(names) > 10
    for path, function in names:
        assert (root / path).exists(), path
        if function:
            assert f"def {function}(" in (root / path).read_text(encoding="utf-8"), f"{path}::{function}"


def test_every_link_of_the_pages_leads_somewhere() -> None:
    root = README.parent
    for page in [*root.glob("*.md"), *root.glob("docs/*.md"), *root.glob("benchmarks/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://")):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
