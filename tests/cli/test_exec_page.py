"""docs/exec.md names every option of its commands, and its examples print what it says."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from procession.cli import commands, options
from tests.cli.conftest import COMMAND
from tests.helpers import scripts

PAGE = (scripts.ROOT / "docs" / "exec.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)
SHARED = {flag.name for flag in options.FLAGS}


@pytest.mark.parametrize("name", ["exec", "bench", "completion"])
def test_every_option_is_named(name: str) -> None:
    command = commands.cli.get_command(click.Context(commands.cli), name)
    assert command is not None
    section = re.search(rf"## procession {name}\n(.*?)(\n## |\Z)", PAGE, re.DOTALL)
    assert section is not None
    for parameter in command.params:
        if isinstance(parameter, click.Option) and (name != "exec" or parameter.name not in SHARED):
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert re.search(rf"(?<![\w-]){option}(?![\w-])", section[1]), f"{option} of {name}"


@pytest.mark.limit(60)
@pytest.mark.parametrize(("example", "shown"), EXAMPLES)
def test_example_prints_what_the_page_says(tmp_path: Path, example: str, shown: str) -> None:
    (tmp_path / "words.txt").write_text("one\ntwo\n")
    call = " ".join(f"'{part}'" for part in COMMAND)
    text = f'set -e -o pipefail; procession() {{ {call} "$@"; }}\n{example}'
    state = {"PROCESSION_STATE": str(tmp_path / "state")}
    finished = scripts.run_command(["bash", "-c", text], tmp_path, environ=state)
    assert (finished.stdout, finished.returncode) == (shown, 0), finished.stderr


def test_every_example_says_what_it_prints() -> None:
    assert PAGE.count("```sh") == len(EXAMPLES) == 4
