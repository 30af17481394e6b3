"""docs/thumbs.md names every option of its own, every field and format, and its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

pytest.importorskip("PIL")

from procession.cli import options, thumbs
from procession.jobs import formats, naming
from procession.jobs.settings import MAX_PIXELS, MAX_SIDE
from tests.cli.conftest import COMMAND
from tests.helpers import scripts
from tests.jobs import pictures

PAGE = (scripts.ROOT / "docs" / "thumbs.md").read_text(encoding="utf-8")
EXAMPLES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def test_every_option_is_named() -> None:
    for parameter in thumbs.command.params:
        if isinstance(parameter, click.Option) and not isinstance(parameter, options.Flag):
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert re.search(rf"(?<![\w-]){option}(?![\w-])", PAGE), option


def test_every_field_and_limit_is_named() -> None:
    assert all(f"| `{{{field}}}` | {meaning.partition(';')[0]}" in PAGE for field, meaning in naming.FIELDS.items())
    assert f"{MAX_PIXELS:,}" in PAGE and str(MAX_SIDE) in PAGE
    for format in formats.FORMATS.values():
        if format.quality is not None:
            assert re.search(rf"{format.name} \({format.quality}\b", PAGE, re.IGNORECASE)


def test_the_help_names_every_field() -> None:
    assert all(f"{{{field}}}" in (thumbs.command.help or "") for field in naming.FIELDS)


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_runs(line: str, tmp_path: Path) -> None:
    pictures.saved(pictures.photo(), tmp_path / "photos" / "a.jpg")
    pictures.saved(pictures.photo(), tmp_path / "photos" / "below" / "b.png")
    call = " ".join(f"'{part}'" for part in COMMAND)
    text = f'set -e -o pipefail; procession() {{ {call} "$@"; }}; {line}'
    finished = scripts.run_command(["bash", "-c", text], tmp_path, timeout=30)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout or "made in" in finished.stderr
