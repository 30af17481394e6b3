"""One cell: one measure of one peer, seen from inside its process.

Knows: how to say figures, facts and errors: a line of JSON each, at once, so that a hang loses nothing.
Must not know: what is measured, or which peers there are.
"""

from __future__ import annotations

import contextlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import peers

T = TypeVar("T")
WORKERS = 2  # the figures are for two workers


class WrongResult(Exception):
    """A peer gave another result than the right one."""


class Cell:
    """What a measure gets: the peer, the size, a seeded random source, and how to report.

    Args:
        peer: The name of the peer, as in `peers.PEERS`, or a name that only the measure knows.
        quick: Only see that it runs: tiny sizes, one repetition.
        seed: For everything that is shuffled in the cell.
    """

    def __init__(self, peer: str, quick: bool, seed: int) -> None:
        self.peer = peer
        self.quick = quick
        self.random = random.Random(seed)

    def pick(self, full: T, quick: T) -> T:
        """Choose the size: `full` for figures, `quick` to see that it runs."""
        return quick if self.quick else full

    def report(self, **figures: float) -> None:
        """Say figures. The name ends in the unit; the same name said again is another sample."""
        for name, value in figures.items():
            self._say(figure=name, value=value)

    def note(self, **facts: str) -> None:
        """Say facts that are not numbers, such as the fate of an item."""
        for name, value in facts.items():
            self._say(fact=name, value=value)

    def check(self, right: bool, text: str) -> None:
        """Stop the cell if a result is wrong."""
        if not right:
            raise WrongResult(f"{self.peer}: {text}")

    def make(self) -> peers.Peer:
        """Make the peer, not opened yet."""
        return peers.make(self.peer)

    @contextlib.contextmanager
    def pool(self, workers: int = WORKERS) -> Iterator[peers.Peer]:
        """Give the peer with its pool open, and close it."""
        peer = self.make()
        peer.open(workers)
        try:
            yield peer
        finally:
            peer.close()

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """Give a folder that is removed afterwards."""
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            yield Path(name)

    def repeat(self, action: Callable[[], float], seconds: float = 1.0, least: int = 3, most: int = 50) -> float:
        """Repeat what gives a figure for about `seconds`, and return the median."""
        figures: list[float] = []
        end = time.perf_counter() + seconds
        while len(figures) < least or (time.perf_counter() < end and len(figures) < most):
            figures.append(action())
            if self.quick:
                break
        return statistics.median(figures)

    def _say(self, **line: Any) -> None:
        sys.__stdout__.write(json.dumps(line) + "\n")  # type: ignore[union-attr]
        sys.__stdout__.flush()  # type: ignore[union-attr]
