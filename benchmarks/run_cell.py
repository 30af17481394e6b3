"""The process of one cell: `python -m benchmarks.run_cell MEASURE PEER full|quick SEED`.

Prints what `Cell` says and a last line `{"done": true}`. A wrong result or an error ends it with status 1.
"""

from __future__ import annotations

import importlib
import sys

from benchmarks.cell import Cell
from benchmarks.matrix import MEASURES


def increment_in_main(number: int) -> int:
    """Return the next number. This function lives in `__main__`, where a plain pickle of it leads nowhere."""
    return number + 1


def main(name: str, peer: str, size: str, seed: str) -> None:
    """Run the measure called `name` for one peer."""
    module, function = MEASURES[name].run.split(":")
    cell = Cell(peer, size == "quick", int(seed))
    getattr(importlib.import_module(f"benchmarks.measures.{module}"), function)(cell)
    print('{"done": true}', flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
