"""TARGET: a function in a module or a file, or an expression."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from procession.cli import target


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current directory; modules and paths that a test adds are taken away again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    target._load.cache_clear()
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def load(text: str) -> Any:
    return target.parse(text).load()


def test_a_function_of_a_module() -> None:
    assert load("os.path:basename") is os.path.basename
    assert load("builtins:str.upper")("a") == "A"


def test_modules_of_the_current_directory(here: Path) -> None:
    (here / "package_here").mkdir()
    (here / "package_here" / "mod.py").write_text("def double(line):\n    return line * 2\n")
    assert load("package_here.mod:double")("ab") == "abab"


def test_a_file_and_its_neighbours(here: Path) -> None:
    (here / "sub").mkdir()
    (here / "sub" / "neighbour_of_it.py").write_text("VALUE = 7\n")
    (here / "sub" / "my_tool.py").write_text(
        "import neighbour_of_it\nclass Trouble(Exception): pass\ndef f(line):\n    return neighbour_of_it.VALUE\n"
    )
    assert load("sub/my_tool.py:f")("x") == 7
    trouble = load("sub/my_tool.py:Trouble")
    assert pickle.loads(pickle.dumps(trouble)) is trouble


@pytest.mark.parametrize("name", ["json.py", "two words.py", "0.py"])
def test_a_file_never_takes_the_name_of_another_module(here: Path, name: str) -> None:
    import json

    (here / name).write_text("def f(line):\n    return __name__\n")
    assert load(f"{name}:f")("x").startswith("procession_target_")
    assert sys.modules["json"] is json


def test_the_guard_of_a_script_is_not_run(here: Path) -> None:
    (here / "guarded.py").write_text("if __name__ == '__main__':\n    raise SystemExit\ndef f(line):\n    return 1\n")
    assert load("guarded.py:f")("x") == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("os.path", "must be pkg.mod:func or file.py:func"),
        (":f", "must be"),
        ("os.path:", "must be"),
        ("none.py:f", "no file 'none.py'"),
        ("no_such_module_x:f", "ModuleNotFoundError: No module named 'no_such_module_x'"),
        ("os:no_such", "AttributeError: module 'os' has no attribute 'no_such'"),
        ("os:sep", "is of type str, which cannot be called"),
        ("bad.py:f", "SyntaxError"),
        ("raises.py:f", "ZeroDivisionError: division by zero ("),
        ("raises.py:f", "raises.py, line 2)"),
        ("exits.py:f", "SystemExit: 3"),
    ],
)
def test_what_is_not_there(here: Path, text: str, reason: str) -> None:
    (here / "bad.py").write_text("def f(:\n")
    (here / "raises.py").write_text("\n1 / 0\n")
    (here / "exits.py").write_text("import sys; sys.exit(3)\n")
    with pytest.raises(target.TargetNotFound) as caught:
        load(text)
    assert reason in str(caught.value) and str(caught.value).startswith(f"TARGET {text!r}: ")


@pytest.mark.parametrize(
    ("text", "item", "result"),
    [
        ("lambda line: len(line)", "abc", 3),
        ("str.upper", "abc", "ABC"),
        (" lambda line: json.loads(line)['a'] ", '{"a": [1]}', [1]),
        ("lambda line: os.path.basename(line)", "a/b", "b"),
        ("lambda line: urllib.parse.quote(line)", "a b", "a%20b"),
        ("lambda line: xml.etree.ElementTree.fromstring(line).tag", "<a/>", "a"),
        ("lambda json: json.upper()", "abc", "ABC"),
        ("functools.partial(int, base=2)", "101", 5),
    ],
)
def test_an_expression(text: str, item: str, result: Any) -> None:
    assert target.expression(text).load()(item) == result


@pytest.mark.parametrize(
    ("text", "reason"),
    [("lambda line:", "SyntaxError"), ("x = 1", "SyntaxError"), ("3", "of type int"), ("no_such_name", "NameError")],
)
def test_an_expression_that_gives_no_function(text: str, reason: str) -> None:
    with pytest.raises(target.TargetNotFound, match=reason):
        target.expression(text).load()


def test_a_target_travels_as_a_name() -> None:
    found = target.parse("os.path:basename")
    assert pickle.loads(pickle.dumps(found)) == found
