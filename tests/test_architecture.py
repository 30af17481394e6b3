"""The floors of HOUSE.md, held against the source; and each rule seen to fail on a small wrong package."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import architecture
from tests.architecture import PACKAGE, RULES, Source, read_sources
from tests.helpers.scripts import SRC, Finished

pytestmark = pytest.mark.short

Rule = Callable[[dict[str, Source]], Iterator[str]]
DOC = '"""What it is."""\n'


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_source_keeps_the_rule(rule: Rule) -> None:
    sources = read_sources(SRC / PACKAGE)
    assert sources, "there is a source to read"
    assert list(rule(sources)) == []


def test_every_folder_is_a_package() -> None:
    assert list(architecture.missing_folders(SRC / PACKAGE)) == []


def test_importing_procession_loads_no_foreign_module(run_script: Callable[..., Finished]) -> None:
    finished = run_script("""
        import json, sys
        before = set(sys.modules)
        import procession
        print(json.dumps(sorted(set(sys.modules) - before)))
    """)
    assert finished.returncode == 0, finished.stderr
    loaded = json.loads(finished.stdout)
    assert PACKAGE in loaded
    foreign = [name for name in loaded if name.split(".")[0] not in {PACKAGE, *sys.stdlib_module_names}]
    assert foreign == []


# One wrong package for each thing that a rule forbids: the rule, the files, and what the rule says.
WRONG: list[tuple[Rule, dict[str, str], str]] = [
    (architecture.unknown_floors, {"utils/text.py": ""}, "folder utils"),
    (
        architecture.upward_imports,
        {"wire/a.py": "import procession.engine.b", "engine/b.py": ""},
        "procession.wire.a:2",
    ),
    (
        architecture.upward_imports,
        {"wire/a.py": "from procession.scheduler import b", "scheduler/b.py": ""},
        "scheduler",
    ),
    (architecture.upward_imports, {"engine/a.py": "from procession import pool", "pool.py": ""}, "faces"),
    (architecture.upward_imports, {"engine/a.py": "import procession"}, "faces"),
    (architecture.upward_imports, {"engine/a.py": "from procession import Pool"}, "faces"),
    (architecture.upward_imports, {"engine/a.py": "def f():\n    from ..cli import b", "cli/b.py": ""}, "cli"),
    (
        architecture.upward_imports,
        {
            "model/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..wire.b import B",
            "wire/b.py": "",
        },
        "procession.model.a:4",
    ),
    (
        architecture.upward_imports,
        {"wire/a.py": "from importlib import import_module\nimport_module('procession.jobs.b')", "jobs/b.py": ""},
        "procession.jobs.b",
    ),
    (
        architecture.imports_of_folders,
        {"engine/a.py": "from procession.wire import Frame", "wire/b.py": ""},
        "a folder",
    ),
    (architecture.imports_of_folders, {"engine/a.py": "from procession.wire.b import f"}, "no such file"),
    (
        architecture.circles,
        {"wire/a.py": "from procession.wire import b", "wire/b.py": "from . import a"},
        "wire.b -> ",
    ),
    (
        architecture.circles,
        {
            "wire/a.py": "from . import b",
            "wire/b.py": "def f():\n    from . import c",
            "wire/c.py": "from .a import x",
        },
        "wire.a -> procession.wire.b -> procession.wire.c -> procession.wire.a",
    ),
    (
        architecture.circles,
        {"pool.py": "import procession", "__init__.py": DOC + "from . import pool"},
        "procession.pool",
    ),
    *[
        (architecture.impurities, {f"{floor}/a.py": f"import {name}"}, name)
        for floor in ("model", "scheduler")
        for name in ("os", "time", "threading", "socket", "select", "subprocess", "multiprocessing", "signal", "queue")
    ],
    (architecture.impurities, {"model/a.py": "def f():\n    from time import monotonic"}, "time"),
    (architecture.impurities, {"scheduler/a.py": "def f():\n    print(1)"}, "print"),
    (architecture.homeless_libraries, {"engine/a.py": "def f():\n    import cloudpickle"}, "whose home is wire"),
    (architecture.homeless_libraries, {"wire/a.py": "import rich.console"}, "whose home is cli and monitor"),
    (architecture.homeless_libraries, {"wire/a.py": "__import__('scipy')"}, "whose home is nowhere"),
    (architecture.folders_with_code, {"wire/__init__.py": ""}, "no docstring"),
    (architecture.folders_with_code, {"wire/__init__.py": DOC + "import os"}, "more than a docstring"),
    (architecture.hidden_functions, {"api.py": "def stream(): ...", "stream.py": ""}, "procession.stream"),
    (architecture.long_files, {"wire/a.py": "x = 1\n" * 400}, "401 lines"),
    (architecture.long_functions, {"wire/a.py": "def f():\n" + "    x = 1\n" * 45}, "46 lines"),
    (architecture.files_without_docstring, {"__init__.py": "x = 1"}, "procession: does not begin"),
]


def make_package(folder: Path, files: dict[str, str]) -> dict[str, Source]:
    """Write a package; each file gets a docstring as its first line, each folder an `__init__.py`."""
    for name in {"__init__.py", *(f"{name.partition('/')[0]}/__init__.py" for name in files if "/" in name), *files}:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(files[name] if name in files and path.name == "__init__.py" else DOC + files.get(name, ""))
    return read_sources(folder)


@pytest.mark.parametrize("rule, files, text", WRONG, ids=[f"{rule.__name__}-{text}" for rule, _, text in WRONG])
def test_rule_is_broken_by_a_wrong_package(tmp_path: Path, rule: Rule, files: dict[str, str], text: str) -> None:
    found = list(rule(make_package(tmp_path, files)))
    assert found and text in found[0]


def test_right_package_breaks_no_rule(tmp_path: Path) -> None:
    files = {
        "model/errors.py": "import signal",
        "scheduler/a.py": "from collections import deque\nfrom procession.model.errors import x",
        "wire/a.py": "import os, cloudpickle\nfrom . import b\nfrom procession.model import errors",
        "wire/b.py": "",
        "worker/__init__.py": DOC + "x = 1",
        "engine/a.py": "from procession.worker import x\nfrom procession.wire import a",
        "pool.py": "from procession.engine import a\ndef make(): ...",
        "__init__.py": DOC + "def __getattr__(name):\n    from procession import pool",
        "cli/main.py": "import click, rich, procession\nfrom procession import Pool, pool",
        "__main__.py": "from procession.cli.main import main",
    }
    sources = make_package(tmp_path, files)
    assert [line for rule in RULES for line in rule(sources)] == []


def test_folder_without_init_is_found(tmp_path: Path) -> None:
    (tmp_path / "wire").mkdir()
    (tmp_path / "wire" / "a.py").write_text(DOC)
    assert list(architecture.missing_folders(tmp_path)) == ["wire: has no __init__.py"]
