"""What was measured, kept beside the tools, and the page that shows it.

Knows: docs/conformance.md and figures.json.
Must not know: how tests are run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

import exclusions

HERE = Path(__file__).resolve().parent
KEPT = HERE / "figures.json"
PAGE = HERE.parents[1] / "docs" / "conformance.md"
HEAD = """# What CPython's own tests say

CPython's tests of `multiprocessing` are the contract of a drop-in in its most exact form.
`make conformance` runs them, as they come with the running Python, with `procession` in the place of `multiprocessing`.
It does so under `fork`, `spawn`, `forkserver`, and with no method set.
The same tests of `multiprocessing` itself, on the same machine, stand beside them.
This page is written by `make conformance`.

| Python | tests | start method | offered | passed | skipped | excluded | failed | passed by `multiprocessing` |
|---|---|---|---|---|---|---|---|---|
"""
TAIL = """
A test skips itself where it does not apply, to threads or to this system; it does so for `multiprocessing` too.

## What is excluded, and why

| test | under | reason |
|---|---|---|
"""


class Figures(NamedTuple):
    """How the tests of one part ended under one method.

    Args:
        offered: How many there are.
        passed: How many passed.
        skipped: How many skipped themselves.
        excluded: How many were not run.
        failed: The names of those that failed.
    """

    offered: int
    passed: int
    skipped: int
    excluded: int
    failed: list[str]

    def __str__(self) -> str:
        counts = f"{self.passed:4} passed, {self.skipped} skipped themselves, {self.excluded} excluded"
        return f"{self.offered:4} offered: {counts}, {len(self.failed)} failed"


def write(part: str, method: str, library: str, found: Figures) -> None:
    """Keep figures, and write the page anew."""
    known = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    version = ".".join(map(str, sys.version_info[:2]))
    place = known.setdefault(version, {}).setdefault(part, {}).setdefault(method, {})
    place[library] = [found.offered, found.passed, found.skipped, found.excluded, len(found.failed)]
    KEPT.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(page(known), encoding="utf-8")


def standard(part: str, method: str) -> int | None:
    """How many tests `multiprocessing` itself passed under this Python; None if that was not measured."""
    known = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    version = ".".join(map(str, sys.version_info[:2]))
    figures = known.get(version, {}).get(part, {}).get(method, {}).get("multiprocessing")
    return None if figures is None else int(figures[1])


def page(known: dict[str, dict[str, dict[str, dict[str, list[int]]]]]) -> str:
    """Make the page."""
    rows = [
        f"| {version} | {part} | {method} | {' | '.join(map(str, by['procession']))} "
        f"| {by['multiprocessing'][1] if 'multiprocessing' in by else ''} |\n"
        for version, parts in sorted(known.items())
        for part, methods in sorted(parts.items())
        for method, by in sorted(methods.items())
        if "procession" in by
    ]
    left_out = [
        f"| `{each.name}` | {', '.join(each.methods) or 'all'} | {each.reason} |\n" for each in exclusions.EXCLUSIONS
    ]
    return HEAD + "".join(rows) + TAIL + "".join(left_out)
