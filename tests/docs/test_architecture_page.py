"""ARCHITECTURE.md's picture names every floor, and no face or file that is not there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "src" / "procession"


def test_picture_names_every_floor() -> None:
    picture = PAGE.partition("## The picture")[2].partition("Folders of")[0]
    floors = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert {floor for floor in floors if not re.search(rf"\b{floor}\b", picture)} == set()
    faces = picture.partition("faces")[2].partition(",")[0].split(" · ")
    assert [face for face in map(str.strip, faces) if not (PACKAGE / f"{face}.py").exists()] == []


def test_every_file_that_it_names_is_there() -> None:
    names = set(re.findall(r"`([a-z_]+/[a-z_]+\.py|[a-z_]+\.py)`", PAGE))
    there = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")}
    loose = {path.name for path in PACKAGE.rglob("*.py")}  # "`events.py`, `actions.py`", after "`scheduler/...`"
    missing = {name for name in names if name not in there and ("/" in name or name not in loose)}
    assert {name for name in missing if not (ROOT / name).exists()} == set()
