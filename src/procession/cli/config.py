"""What a flag is where the command line does not say it: from `PROCESSION_*`, then from pyproject.toml.

Knows: the variables, the tables of the file, which parameters a command has.
Must not know: what a flag means. Its own type reads its value, and an error names where that stands.

`PROCESSION_TIME_LIMIT` and `[tool.procession] time-limit` are for all commands that have `--time-limit`;
`PROCESSION_MAP_TIME_LIMIT` and `[tool.procession.map] time-limit` for one, and go before. A flag without a long name
(`-e`, which is code) can be given on the command line only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import click

FILE = "pyproject.toml"
PREFIX = "PROCESSION_"
_MARK = b"tool.procession"  # a file without it need not be parsed


class Key(NamedTuple):
    """A long name of a flag.

    Args:
        option: Whose it is.
        inverted: It is the second name of a switch, which turns it off (`--fail-fast`).
    """

    option: click.Option
    inverted: bool


class Place(NamedTuple):
    """Where a value was found.

    Args:
        name: As a message shows it.
        key: The flag's name in it.
        value: What stands there.
        command: The command that it is meant for; None: all.
    """

    name: str
    key: str
    value: Any
    command: str | None


def keys_of(command: click.Command) -> dict[str, Key]:
    """Give the long names of a command's flags, without their dashes."""
    found = {}
    for option in command.params:
        if isinstance(option, click.Option) and option.expose_value:
            found.update({name[2:]: Key(option, False) for name in option.opts if name.startswith("--")})
            found.update({name[2:]: Key(option, True) for name in option.secondary_opts if name.startswith("--")})
    return found


def defaults(
    name: str,
    commands: Callable[[str], click.Command | None],
    names: list[str],
    environ: Mapping[str, str] | None = None,
    folder: str | None = None,
) -> dict[str, Any]:
    """Give the values that a command's parameters have where no flag is given.

    Args:
        name: The command's name.
        commands: Gives a command by its name; asked for the others only to know whether a key of the file is one of
            theirs.
        names: The names of all commands.
        environ: The variables. None: `os.environ`.
        folder: Where the file is looked for, and above. None: here.

    Raises:
        click.UsageError: The file cannot be read, has a key that no command has, or a value is not what its flag takes.
    """
    command = commands(name)
    assert command is not None, name
    keys = keys_of(command)
    found: dict[str, Any] = {}
    for place in (*_in_file(folder, names), *_in_environment(name, keys, os.environ if environ is None else environ)):
        if place.command not in (None, name):
            continue
        key = keys.get(place.key)
        if key is not None:
            found[str(key.option.name)] = _value(command, key, place)
        elif place.command is not None or not any(place.key in keys_of(_there(commands(each))) for each in names):
            raise _unknown(place, keys)
    return found


def _there(command: click.Command | None) -> click.Command:
    assert command is not None
    return command


def _in_environment(name: str, keys: Mapping[str, Key], environ: Mapping[str, str]) -> Iterator[Place]:
    """Find the variables of this command's flags, those for all commands first. An empty one is not set."""
    for prefix in (PREFIX, f"{PREFIX}{name.upper()}_"):
        for key in keys:
            variable = prefix + key.replace("-", "_").upper()
            if environ.get(variable):
                yield Place(variable, key, environ[variable], name)


def _in_file(folder: str | None, names: list[str]) -> list[Place]:
    """Find the keys of the nearest file, those for all commands first."""
    path = _nearest(folder)
    table = {} if path is None else _table(path)
    if not table:
        return []
    shown = os.path.relpath(path or FILE)
    shown = path or FILE if shown.startswith(os.pardir) else shown
    places = []
    for key, value in table.items():
        if isinstance(value, dict) and key in names:
            places += [
                Place(f"{shown}, [tool.procession.{key}] {inner}", _plain(inner), each, key)
                for inner, each in value.items()
            ]
        else:
            places.insert(0, Place(f"{shown}, [tool.procession] {key}", _plain(key), value, None))
    return places


def _plain(key: str) -> str:
    return key.replace("_", "-")


def _nearest(folder: str | None) -> str | None:
    folder = os.path.abspath(folder or os.getcwd())
    while True:
        path = os.path.join(folder, FILE)
        if os.path.isfile(path):
            return path
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def _table(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise click.UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if _MARK not in data.replace(b" ", b"").replace(b'"', b""):
        return {}
    import tomllib

    try:
        table = tomllib.loads(data.decode()).get("tool", {}).get("procession", {})
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.UsageError(f"{path}: is no TOML: {error}") from error
    if not isinstance(table, dict):
        raise click.UsageError(f"{path}, tool.procession: must be a table, [tool.procession]")
    return table


def _value(command: click.Command, key: Key, place: Place) -> Any:
    """Check a value by the flag's own type, and give it as the flag would be given."""
    option, value = key.option, place.value
    if option.multiple and not isinstance(value, list):
        value = [value]
    if isinstance(value, dict) or (isinstance(value, list) and not option.multiple):
        raise click.UsageError(f"{place.name}: must be one value, not a {_kind(value)}")
    if isinstance(value, bool) and not option.is_flag:
        raise click.UsageError(f"{place.name}: takes a value, not true or false")
    if not isinstance(value, (list, bool)):
        value = str(value)
    try:
        read = option.type_cast_value(click.Context(command, info_name=command.name), value)
    except click.BadParameter as error:
        raise click.UsageError(f"{place.name}: {error.message}") from error
    return not read if key.inverted else value


def _kind(value: object) -> str:
    return "table" if isinstance(value, dict) else "list"


def _unknown(place: Place, keys: Mapping[str, Key]) -> click.UsageError:
    from difflib import get_close_matches

    near = get_close_matches(place.key, keys, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return click.UsageError(f"{place.name}: there is no flag --{place.key}{hint}")
