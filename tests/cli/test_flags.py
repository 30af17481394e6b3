"""Every flag has a test, an entry in the help, and one in the page; every help has an example."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from procession.cli import commands, options
from tests.cli.conftest import Run
from tools import reference

CONTEXT = click.Context(commands.cli, info_name="procession")
NAMES = commands.cli.list_commands(CONTEXT)
TESTS = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))


def command_of(name: str) -> click.Command:
    command = commands.cli.get_command(CONTEXT, name)
    assert command is not None
    return command


def flags() -> Iterator[tuple[str, click.Option]]:
    for name in NAMES:
        for parameter in command_of(name).params:
            if isinstance(parameter, click.Option):
                yield name, parameter


@pytest.mark.parametrize(("name", "flag"), list(flags()), ids=lambda each: getattr(each, "name", each))
def test_every_flag_is_given_in_a_test(name: str, flag: click.Option) -> None:
    """Each of its spellings with two dashes, or the short one; of a switch with two names, both."""
    for spellings in (flag.opts, flag.secondary_opts):
        given = any(re.search(rf"[\"' ]{spelling}[\"' =]", TESTS) for spelling in spellings)
        assert given or not spellings, f"procession {name}: no test gives {' or '.join(spellings)}"


@pytest.mark.parametrize("name", NAMES)
def test_help_has_every_flag_and_an_example(run: Run, name: str) -> None:
    text = run(name, "--help").stdout
    shown = [spelling for each, flag in flags() if each == name for spelling in (*flag.opts, *flag.secondary_opts)]
    assert [spelling for spelling in shown if not re.search(rf"[ ,]{spelling}[ ,\n]", text)] == []
    assert re.search(rf"\n  [A-Z].*:\n(    .*\n)*    .*procession {name}", text), text


@pytest.mark.parametrize("name", NAMES)
def test_every_flag_says_what_it_does(name: str) -> None:
    assert [flag.opts for each, flag in flags() if each == name and not flag.help] == []


def test_the_page_lists_every_flag() -> None:
    text = reference.PAGE.read_text(encoding="utf-8")
    assert reference.page(text) == text, "run tools/reference.py"


def test_flags_of_thumbs_that_no_other_test_gives(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    from tests.jobs import pictures

    pictures.saved(pictures.photo(), tmp_path / "a.jpg")
    call = ("thumbs", "a.jpg", "-o", "out")
    assert run(*call, "--fit", "--srgb").returncode == 0 and (tmp_path / "out" / "a.jpg").exists()
    refused = run(*call, "--fill", "--max-pixels", "9", "--overwrite", "always")
    assert refused.returncode == 1 and "ImageTooLarge (1)" in refused.stderr


def test_the_shared_flags_are_in_groups_and_have_no_name_twice() -> None:
    assert {flag.group for flag in options.FLAGS} == set(options.GROUPS)
    names = [spelling for flag in options.FLAGS for spelling in (*flag.opts, *flag.secondary_opts)]
    assert len(names) == len(set(names))


def test_what_was_chosen_of_a_command_is_what_its_flags_say() -> None:
    """A flag that a command leaves out has the value that it has where nobody gives it."""
    seen: list[options.RunOptions] = []

    def command(how: options.RunOptions) -> int:
        seen.append(how)
        return 0

    every = click.command(cls=options.Command)(options.item_options()(command))
    names = [str(flag.name) for flag in options.FLAGS]
    none = click.command(cls=options.Command)(options.item_options(without=names)(command))
    for each in (every, none):
        each.main([], standalone_mode=False)
    assert seen[0] == seen[1]
