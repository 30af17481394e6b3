"""The kept results: `results.json`, and RESULTS.md that is written from it.

Knows: the two files beside this one. No host names and no paths go into them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from benchmarks import report
from benchmarks.runner import Result

HERE = Path(__file__).parent
RESULTS, REPORT = HERE / "results.json", HERE / "RESULTS.md"


def load() -> tuple[dict[str, str], list[Result]]:
    """Read what was kept: the facts of the machine, and every cell."""
    kept = json.loads(RESULTS.read_text())
    return kept["machine"], [Result(**cell) for cell in kept["cells"]]


def save(facts: dict[str, str], results: list[Result]) -> None:
    """Keep results and write the report."""
    cells = []
    for result in results:
        last = result.error.splitlines()[-1:] or [""]  # without the traceback
        figures = {name: [float(f"{value:.5g}") for value in values] for name, values in result.figures.items()}
        error = re.sub(r"\S*/\S*", "(path)", last[0])
        cells.append({**result.as_json(), "figures": figures, "error": error, "seconds": round(result.seconds, 2)})
    lines = ",\n".join(json.dumps(cell) for cell in cells)
    RESULTS.write_text(f'{{"machine": {json.dumps(facts)},\n"cells": [\n{lines}\n]}}\n')
    REPORT.write_text(report.document(results, facts))


def update(facts: dict[str, str], results: list[Result]) -> None:
    """Put results in the place of the kept ones of the same measures, so that each measure is of one run."""
    _, kept = load()
    again = {result.measure for result in results}
    save(facts, [result for result in kept if result.measure not in again] + results)
