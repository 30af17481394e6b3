"""Runs cells: each in a fresh process, in rounds of shuffled order, under a time limit, leaving nothing behind.

Knows: how to start a cell, read its lines and end all that it started.
Must not know: what the figures mean.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from benchmarks import environment, processes
from benchmarks.matrix import Measure

QUICK_LIMIT = 30.0  # seconds for a cell of a quick run
QUICK_HANG = 4.0  # the same, where a peer may hang and is known to
GRACE = 2.0  # seconds in which what a cell started may end after it


@dataclass
class Result:
    """What came of one cell: figures by name, each a list of samples; facts; and how it ended."""

    measure: str
    peer: str
    round: int
    status: str = "ok"  # ok, hangs, error
    figures: dict[str, list[float]] = field(default_factory=dict)
    facts: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""
    left_running: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """One cell that is to be run."""

    measure: str
    peer: str
    round: int
    limit: float
    seed: int


def plan(measures: dict[str, Measure], rounds: int | None, quick: bool, seed: int) -> list[Plan]:
    """List the cells: round by round, each round in an order of its own."""
    source = random.Random(seed)
    plans: list[Plan] = []
    for number in range(max(measure.rounds for measure in measures.values())):
        cells = []
        for name, measure in measures.items():
            if number < (1 if quick else rounds or measure.rounds):
                limit = _limit(measure, quick)
                cells += [Plan(name, peer, number, limit, source.randrange(2**31)) for peer in measure.peers]
        source.shuffle(cells)
        plans += cells
    return plans


def _limit(measure: Measure, quick: bool) -> float:
    if not quick:
        return measure.limit
    return QUICK_HANG if measure.may_hang else QUICK_LIMIT


def run(plans: list[Plan], python: Path, quick: bool, tell: Callable[[int, Result], None]) -> Iterator[Result]:
    """Run the cells one after another."""
    for number, one in enumerate(plans):
        result = run_cell(one, python, quick)
        tell(number, result)
        yield result


def run_cell(one: Plan, python: Path, quick: bool) -> Result:
    """Run one cell to its end, its limit, or its death."""
    result = Result(one.measure, one.peer, one.round)
    mark = uuid.uuid4().hex
    size = "quick" if quick else "full"
    command = [str(python), "-m", "benchmarks.run_cell", one.measure, one.peer, size, str(one.seed)]
    started = time.monotonic()
    with (
        tempfile.TemporaryFile() as lines,
        tempfile.TemporaryFile() as errors,
        tempfile.TemporaryDirectory(prefix="bench-state-") as state,
    ):
        variables = {**environment.variables(), processes.MARK: mark, "PROCESSION_STATE": state}
        # Files and not pipes: a worker left behind would hold a pipe open, and the runner would wait for it.
        cell = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=errors,
            env=variables,
            cwd=environment.ROOT,
            start_new_session=True,
        )
        try:
            cell.wait(one.limit)
        except subprocess.TimeoutExpired:
            result.status = "hangs"
        finally:
            result.left_running = _end(cell, mark)
        result.seconds = time.monotonic() - started
        _read(result, lines, errors)
    return result


def _end(cell: subprocess.Popen[bytes], mark: str) -> int:
    """End the whole tree of a cell; return how many processes had outlived a cell that ended by itself."""
    if cell.poll() is not None:
        return processes.kill_marked(mark, grace=GRACE)
    try:
        os.killpg(cell.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    processes.kill_marked(mark)
    cell.wait()
    return 0


def _read(result: Result, lines: IO[bytes], errors: IO[bytes]) -> None:
    lines.seek(0)
    done = False
    for text in lines.read().splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue  # a peer's own chatter
        if "figure" in line:
            result.figures.setdefault(line["figure"], []).append(line["value"])
        elif "fact" in line:
            result.facts.setdefault(line["fact"], []).append(line["value"])
        done = done or "done" in line
    if not done and result.status == "ok":
        errors.seek(0)
        result.status = "error"
        result.error = errors.read().decode(errors="replace").strip() or "ended without a word"
