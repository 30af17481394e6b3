"""Flags from variables and from pyproject.toml: their order, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from procession.cli import commands, config
from tests.cli.conftest import Run


@pytest.fixture
def defaults(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """`defaults(command, text=None, **variables)`: what the command's parameters are, without a flag."""

    def defaults(name: str, text: str | None = None, **variables: str) -> dict[str, Any]:
        if text is not None:
            (tmp_path / "pyproject.toml").write_text(text)
        folder = tmp_path / "a" / "b"
        folder.mkdir(parents=True, exist_ok=True)
        context = click.Context(commands.cli)
        names = commands.cli.list_commands(context)
        get = commands.cli.get_command
        return config.defaults(name, lambda each: get(context, each), names, variables, str(folder))

    return defaults


Defaults = Callable[..., dict[str, Any]]


def test_nothing_is_set(defaults: Defaults) -> None:
    assert defaults("map") == {}
    assert defaults("map", "[project]\nname = 'x'\n") == {}


def test_a_variable_for_all_commands_and_one_for_one(defaults: Defaults) -> None:
    assert defaults("map", PROCESSION_TIME_LIMIT="5m") == {"time_limit": "5m"}
    assert defaults("map", PROCESSION_JOBS="2", PROCESSION_MAP_JOBS="3") == {"jobs": "3"}
    assert defaults("thumbs", PROCESSION_JOBS="2", PROCESSION_MAP_JOBS="3") == {"jobs": "2"}
    assert defaults("doctor", PROCESSION_JOBS="2", PROCESSION_JOBS_X="y", PROCESSION_MAP_JOBS="") == {}


def test_keys_for_all_commands_and_for_one(defaults: Defaults) -> None:
    text = "[tool.procession.map]\njobs = 3\n[tool.procession]\njobs = 2\ntime_limit = '1h'\n"
    assert defaults("map", text) == {"jobs": "3", "time_limit": "1h"}
    assert defaults("thumbs", text) == {"jobs": "2", "time_limit": "1h"}
    assert defaults("runs", text) == {}


def test_a_variable_goes_before_the_file(defaults: Defaults) -> None:
    assert defaults("map", "[tool.procession.map]\njobs = 3\n", PROCESSION_JOBS="2") == {"jobs": "2"}


def test_switches_and_lists(defaults: Defaults) -> None:
    text = "[tool.procession]\nfail-fast = true\nquiet = true\n[tool.procession.map]\narg-file = ['a b', 'c']\n"
    assert defaults("map", text) == {"keep_going": False, "quiet": True, "files": ["a b", "c"]}
    assert defaults("map", "", PROCESSION_UNORDERED="1", PROCESSION_ARG_FILE="a b") == {
        "ordered": False,
        "files": ["a b"],
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.procession]\njobz = 2\n", "pyproject.toml, [tool.procession] jobz: there is no flag --jobz; did you"),
        ("[tool.procession.map]\nsize = 2\n", "pyproject.toml, [tool.procession.map] size: there is no flag --size"),
        ("[tool.procession]\njobs = 'x'\n", "pyproject.toml, [tool.procession] jobs: 'x' is not a number of workers"),
        ("[tool.procession]\njobs = true\n", "[tool.procession] jobs: takes a value, not true or false"),
        ("[tool.procession]\njobs = [1]\n", "[tool.procession] jobs: must be one value, not a list"),
        ("[tool.procession]\nmapp = {jobs = 1}\n", "[tool.procession] mapp: there is no flag --mapp"),
        ("[tool.procession]\njobs = {a = 1}\n", "[tool.procession] jobs: must be one value, not a table"),
        ("[tool]\nprocession = 3 # tool.procession\n", "tool.procession: must be a table"),
        ("[tool.procession]\njobs = \n", "pyproject.toml: is no TOML: Invalid value"),
        ("[tool.procession.map]\nexpression = 'x'\n", "there is no flag --expression"),
    ],
)  # fmt: skip
def test_what_the_file_cannot_say(defaults: Defaults, text: str, said: str) -> None:
    with pytest.raises(click.UsageError) as error:
        defaults("map", text)
    assert said in error.value.message


def test_keys_of_another_command_are_left_to_it(defaults: Defaults) -> None:
    assert defaults("map", "[tool.procession]\nsize = 'x'\n[tool.procession.thumbs]\nnonsense = 1\n") == {}


def test_a_variable_that_its_flag_would_not_take(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCESSION_MAP_TIME_LIMIT", "soon")
    assert "PROCESSION_MAP_TIME_LIMIT: 'soon' is not a time such as" in refused("map", "-e", "int", "1")


def test_flag_variable_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.procession]\nlimit = 1\nquiet = true\n")
    call = ("map", "-e", "int", "1", "2", "3")
    assert run(*call).stdout.split() == ["1"] and run(*call).stderr == ""
    variable = {"PROCESSION_LIMIT": "2"}
    assert run(*call, environ=variable).stdout.split() == ["1", "2"]
    assert run(*call, "--limit", "3", environ=variable).stdout.split() == ["1", "2", "3"]


def test_every_flag_can_be_set_by_a_variable_and_a_key(defaults: Defaults) -> None:
    context = click.Context(commands.cli)
    for name in commands.cli.list_commands(context):
        command = commands.cli.get_command(context, name)
        assert command is not None
        for key, found in config.keys_of(command).items():
            value = "1" if found.option.is_flag else _example(found.option)
            variable = f"PROCESSION_{name.upper()}_{key.replace('-', '_').upper()}"
            assert str(found.option.name) in defaults(name, "", **{variable: value}), variable
            written = "true" if found.option.is_flag else json.dumps(value)
            assert str(found.option.name) in defaults(name, f"[tool.procession.{name}]\n{key} = {written}\n"), key


def _example(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return str(option.type.choices[0])
    return {"rule": "soon,fail=3"}.get(option.type.name, "1")
