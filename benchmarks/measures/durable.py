"""Runs that cannot be lost: what the journal costs, what is left to do after a run, commands, time limits."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import time
from collections import deque
from pathlib import Path

import procession
from benchmarks import photos
from benchmarks.cell import WORKERS, Cell
from benchmarks.measures.thumbs import procession_command

SHARE = 0.001  # seconds of work in an item that is not tiny


def _busy(number: int) -> int:
    """Work for a millisecond of wall-clock time."""
    until = time.perf_counter() + SHARE
    while time.perf_counter() < until:
        pass
    return number


def _tiny(number: int) -> int:
    return number + 1


def _streamed(function: object, count: int) -> float:
    started = time.perf_counter()
    stream = procession.stream(function, range(count), processes=WORKERS, outcomes=True, ordered=False)  # type: ignore[call-overload]
    deque(stream, maxlen=0)
    return time.perf_counter() - started


def _journaled(cell: Cell, function: object, count: int) -> float:
    with cell.folder() as folder:
        started = time.perf_counter()
        with procession.run(function, range(count), journal=folder / "run.db", processes=WORKERS) as run:  # type: ignore[arg-type, call-overload]
            elapsed = time.perf_counter() - started
            cell.check(run.counts.done == count, f"{run.counts}")
    return elapsed


def journal_of_long_items(cell: Cell) -> None:
    """10,000 items of 1 ms: a run with a journal over a stream without one, one after the other."""
    count = cell.pick(10_000, 50)
    cell.report(ratio=cell.repeat(lambda: _journaled(cell, _busy, count) / _streamed(_busy, count), 1.0, 3, 3))


def journal_of_tiny_items(cell: Cell) -> None:
    """Tiny items: what the journal adds to each."""
    count = cell.pick(1_000_000, 1_000)
    more = _journaled(cell, _tiny, count) - _streamed(_tiny, count)
    cell.report(added_us_per_item=more / count * 1e6)


def commands(cell: Cell) -> None:
    """5,000 times `true` (1,000 times for who is slow), the whole command."""
    count = cell.pick(5_000, 20)
    text = "\n".join(map(str, range(count)))
    if cell.peer == "GNU parallel":
        count //= 5  # a tenth as fast
        text = "\n".join(map(str, range(count)))
    command = {
        "xargs -P": ["xargs", "-P", str(WORKERS), "-n", "1", "true"],
        "GNU parallel": ["parallel", "-j", str(WORKERS), "true"],
        "procession": [*procession_command(), "exec", "-j", str(WORKERS), "-q", "--journal", "none", "--", "true"],
    }[cell.peer]
    started = time.perf_counter()
    done = subprocess.run(command, input=text, text=True, stdout=subprocess.DEVNULL)
    cell.check(done.returncode == 0, f"exit status {done.returncode}")
    cell.report(per_second=count / (time.perf_counter() - started))


def thumbs_again(cell: Cell) -> None:
    """The same command again with nothing changed, over 10,000 files."""
    count = cell.pick(10_000, 10)
    with cell.folder() as folder:
        inputs = folder / "in"
        inputs.mkdir()
        _many(inputs, count, folder)
        command = [*procession_command(), "thumbs", str(inputs), "-o", str(folder / "out"), "-s", "32", "-q"]
        cell.check(subprocess.run(command).returncode == 0, "the first run failed")
        started = time.perf_counter()
        again = subprocess.run(command)
        cell.report(again_s=time.perf_counter() - started)
        cell.check(again.returncode == 0, "the second run failed")


def _many(inputs: Path, count: int, scratch: Path) -> None:
    """Put so many small pictures into a folder."""
    from PIL import Image

    scratch.joinpath("one").mkdir()
    photos.copy(scratch / "one", 1)
    small = scratch / "small.jpg"
    with Image.open(next((scratch / "one").iterdir())) as image:
        image.thumbnail((64, 64))
        image.convert("RGB").save(small)
    for number in range(count):
        shutil.copyfile(small, inputs / f"{number:05}.jpg")


def _stuck(number: int) -> int:
    if number == 5:
        deque(itertools.repeat(None), maxlen=0)  # C code that never comes back to Python
    return number


def time_limit(cell: Cell) -> None:
    """An item in C code that never returns, with a limit of 1 s: how long it ran, by its error."""
    outcomes = procession.map(_stuck, range(20), processes=WORKERS, outcomes=True, time_limit=1.0)
    ended = [outcome for outcome in outcomes if outcome.error is not None]
    cell.check([each.index for each in ended] == [5], f"{[each.index for each in ended]} failed")
    error = ended[0].error
    cell.check(isinstance(error, procession.TimeLimitExceeded), repr(error))
    cell.report(ended_after_s=error.seconds)  # type: ignore[union-attr]
