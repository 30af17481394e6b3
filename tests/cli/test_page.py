"""docs/command-line.md names every option, and its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

pytest.importorskip("PIL")

from procession.cli import commands
from tests.cli.conftest import COMMAND
from tests.helpers import scripts
from tests.jobs import pictures

PAGE = (scripts.ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
OTHER_PAGES = ("exec", "bench", "completion")  # docs/exec.md
NAMES = [name for name in commands.cli.list_commands(click.Context(commands.cli)) if name not in OTHER_PAGES]
EXAMPLES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_named(name: str) -> None:
    command = commands.cli.get_command(click.Context(commands.cli), name)
    assert command is not None and f"## procession {name}\n" in PAGE
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert re.search(rf"(?<![\w-]){option}(?![\w-])", PAGE), f"{option} of {name}"


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_runs(line: str, tmp_path: Path) -> None:
    pictures.saved(pictures.photo(), tmp_path / "photos" / "a.jpg")
    pictures.saved(pictures.photo(), tmp_path / "photos" / "below" / "b.png")
    (tmp_path / "words.txt").write_text("one\ntwo\n")
    (tmp_path / "tools.py").write_text("def shout(line):\n    return line.upper()\n")
    call = " ".join(f"'{part}'" for part in COMMAND)
    text = f'set -e -o pipefail; procession() {{ {call} "$@"; }}; {line}'
    finished = scripts.run_command(["bash", "-c", text], tmp_path, timeout=30)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout or any(said in finished.stderr for said in ("made in", '"command": "map"', "taken away"))
