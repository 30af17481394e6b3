"""The program that the chaos runner kills: a durable run that says what it has been told of.

Knows: its arguments: a folder, a session's number, a seed for the order of the input, how the run is asked for.
Must not know: when it is killed.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

FOLDER = Path(os.environ.get("CHAOS_FOLDER", "."))
SESSION = os.environ.get("CHAOS_SESSION", "0")


def items_of(seed: int) -> list[int]:
    """Give the input: numbers, some of them twice."""
    chance = random.Random(seed)
    numbers = [chance.randrange(1000) for _ in range(chance.randrange(20, 70))]
    return numbers + chance.sample(numbers, 5)


def work(number: int) -> object:
    """Take some milliseconds; fail for some numbers, return much for others."""
    import time

    write(FOLDER / "ran", f"{SESSION} {number}\n")
    time.sleep(0.0005 * (number % 13))
    if number % 17 == 3:
        raise ValueError(f"{number} is none of ours")
    return bytes([number % 251]) * 60_000 if number % 19 == 5 else {"number": number, "square": number * number}


def write(path: Path, text: str) -> None:
    """Append a line, whole, in one call of the system's."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, text.encode())
    os.close(descriptor)


def main(folder: Path, seed: int, shuffle: int, ordered: bool) -> None:
    """Do what is left of the run."""
    from procession.runs.live import LiveRun

    items = items_of(seed)
    if shuffle:
        random.Random(shuffle).shuffle(items)
    with LiveRun(
        folder / "run.db", work, iter(items), ordered=ordered, retry_failed=True, options={"processes": 2}
    ) as live:
        for each in live:
            if each.outcome.error is None:
                write(folder / "told", json.dumps([int(SESSION), each.outcome.item]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "ordered")
