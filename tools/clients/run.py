"""Run clients that people use against procession: each gives its serial answer and the same in other processes.

    python tools/clients/run.py [CLIENT ...] [FACE ...] [METHOD ...]

Makes `.venv-clients` first. Prints one table at the end (`docs/clients.md` has it) and exits with 1 if a cell failed.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import environment
from cell import SCRIPTS, Cell, Result, faces, run

METHODS = ("default", "fork", "forkserver", "spawn")
FACES = ("pool", "executor", "joblib")


def chosen(arguments: list[str]) -> list[Cell]:
    """The cells that are named, all where none is.

    Raises:
        SystemExit: Nothing has that name.
    """
    scripts = sorted(SCRIPTS.glob("*.py"))
    clients = [script.stem for script in scripts]
    for name in arguments:
        if name not in (*METHODS, *FACES) and not any(client.startswith(name) for client in clients):
            sys.exit(f"{name!r}: must be one of {', '.join((*METHODS, *FACES, *clients))}")
    methods = [name for name in METHODS if name in arguments] or METHODS
    named_faces = [name for name in FACES if name in arguments] or FACES
    names = [name for name in arguments if name not in (*METHODS, *FACES)]
    return [
        Cell(script, face, method)
        for script in scripts
        if not names or any(script.stem.startswith(name) for name in names)
        for face in faces(script)
        if face in named_faces
        for method in methods
    ]


def table(results: list[Result]) -> str:
    """Write the results as a table, a row for each client and face."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for result in results:
        row = rows.setdefault((result.cell.script.stem, result.cell.face), {})
        row[result.cell.method] = f"**{result.word[:60]}**" if result.error else result.word
    head = ["client", "face", *METHODS]
    lines = [[client, face, *(row.get(method, "-") for method in METHODS)] for (client, face), row in rows.items()]
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]
    text = [" | ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)) for line in [head, *lines]]
    return "\n".join(f"| {line} |" for line in [text[0], " | ".join("-" * width for width in widths), *text[1:]])


def main(arguments: list[str]) -> int:
    """Run the cells, as many at once as there are CPUs."""
    cells = chosen(arguments)
    environment.make()
    began = time.monotonic()
    results = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(run, cells):
            cell = result.cell
            end = "FAILED" if result.error else "ok"
            print(f"{cell.script.stem:24} {cell.face:9} {cell.method:11} {end} {result.seconds:5.1f} s", flush=True)
            if result.error:
                print("    " + result.error.replace("\n", "\n    "), flush=True)
            results.append(result)
    failed = sum(bool(result.error) for result in results)
    print(f"\n{table(results)}\n\n{len(results)} cells, {failed} failed, {time.monotonic() - began:.0f} s")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
