"""`python -m benchmarks`: run the cells, print the tables, write RESULTS.md and results.json.

A full run makes `benchmarks/.venv` first. A quick one (`--quick`) sees only that every cell works, writes nothing, and
uses that environment where it is already there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks import environment, machine, records, report, runner
from benchmarks.matrix import MEASURES, Measure
from benchmarks.runner import Result

LAST_LINES = 25  # of an error: enough for a traceback of a script and the one of its cell
SKIP = """
import json, sys
from benchmarks import peers
from benchmarks.measures import thumbs
print(json.dumps([name for name in json.load(sys.stdin) if peers.missing(name) or thumbs.missing(name)]))
"""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every cell once with tiny sizes")
    parser.add_argument("--only", action="append", metavar="MEASURE", help="only this measure, or all that begin so")
    parser.add_argument("--peer", action="append", metavar="PEER", help="only this peer, or all that begin so")
    parser.add_argument("--rounds", type=int, help="rounds for every measure")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the cells")
    parser.add_argument("--python", type=Path, help="the Python of the cells (default: that of benchmarks/.venv)")
    parser.add_argument("--update", action="store_true", help="with --only: put these measures into the kept results")
    parser.add_argument("--report", action="store_true", help="write RESULTS.md again from the kept results")
    parser.add_argument("--list", action="store_true", help="name the measures and their peers")
    return parser.parse_args()


def chosen(options: argparse.Namespace, python: Path) -> dict[str, Measure]:
    """Choose measures and peers: those that were asked for, less those whose library is not here."""
    names = sorted({peer for measure in MEASURES.values() for peer in measure.peers})
    answer = subprocess.run(
        [str(python), "-c", SKIP],
        input=json.dumps(names),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=environment.variables(),
    )
    missing = set(json.loads(answer.stdout))
    if missing:
        print("not installed, left out: " + ", ".join(sorted(missing)))
    found = {}
    for name, measure in MEASURES.items():
        peers = tuple(peer for peer in measure.peers if peer not in missing and _begins(peer, options.peer))
        if peers and _begins(name, options.only):
            found[name] = Measure(**{**vars(measure), "peers": peers})
    return found


def _begins(name: str, wanted: list[str] | None) -> bool:
    return not wanted or any(name.startswith(start) for start in wanted)


def python_of_cells(options: argparse.Namespace) -> Path:
    """Find the Python that runs the cells, and make its environment where that is needed."""
    if options.python:
        return Path(options.python)
    if not options.quick and not environment.ready():
        environment.make()
    return environment.PYTHON if environment.ready() else Path(sys.executable)


def run(measures: dict[str, Measure], options: argparse.Namespace, python: Path) -> list[Result]:
    """Run all cells, with a line for each."""
    plans = runner.plan(measures, options.rounds, options.quick, options.seed)

    def tell(number: int, result: Result) -> None:
        name = f"{result.measure} · {result.peer}"
        print(f"{number + 1:4}/{len(plans)}  {name:44} {result.seconds:6.1f} s  {result.status}", flush=True)

    return list(runner.run(plans, python, options.quick, tell))


def failed(results: list[Result]) -> int:
    """Print the errors; a hang is an error where it is our own. Return the exit status."""
    bad = [one for one in results if one.status == "error" or (one.status == "hangs" and "procession" in one.peer)]
    for result in bad:
        last = "\n".join(result.error.splitlines()[-LAST_LINES:])
        print(f"\n{result.measure} · {result.peer}: {result.status}\n{last}", file=sys.stderr)
    return 1 if bad else 0


def show(results: list[Result], measures: dict[str, Measure]) -> None:
    """Print a table for each measure, then that of the targets."""
    for name in measures:
        print(f"\n{name}: {MEASURES[name].title}\n" + report.plain(report.peers_table(name, results)))
    print("\n" + report.plain(report.targets_table(results, measures)))


def main() -> int:
    """Do what the command line asks for."""
    options = arguments()
    if options.list:
        print(
            "\n".join(f"{name}: {measure.title}\n    {', '.join(measure.peers)}" for name, measure in MEASURES.items())
        )
        return 0
    if options.report:
        records.save(*records.load())
        return 0
    python = python_of_cells(options)
    measures = chosen(options, python)
    if not measures:
        print("no such measure or peer; see --list", file=sys.stderr)
        return 2
    facts = machine.facts(python)
    results = run(measures, options, python)
    if not options.quick:
        show(results, measures)
        if options.update:
            records.update(facts, results)
        elif not (options.only or options.peer):
            records.save(facts, results)
    return failed(results)


if __name__ == "__main__":
    sys.exit(main())
