"""Kills a durable run, and all that belongs to it, at random moments, until it is done; then looks at what it has.

Knows: the processes of a run, its files, what an undisturbed one gives.
Must not know: how a journal works.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil

from procession.runs.run import Run
from tests.helpers import scripts
from tests.runs import chaos_child

LONGEST = 0.3  # seconds after which a session is struck; most are done by then on an idle machine
TARGETS = ("all", "all", "parent", "nursery", "worker")


def play(seed: int, folder: Path) -> list[str]:
    """Let one run be disturbed and go on until it is done; give what was done to it.

    Args:
        seed: Of everything that is left to chance.
        folder: An empty one.

    Raises:
        AssertionError: It has not what an undisturbed one would have.
    """
    chance = random.Random(seed)
    story: list[str] = []
    safe: set[int] = set()  # items whose results were told of; no later session may run them
    for session in range(1, chance.randrange(2, 6)):
        target, moment = chance.choice(TARGETS), chance.uniform(0, LONGEST)
        child = _start(folder, seed, session, chance.randrange(1, 1000), chance.random() < 0.5)
        _strike(child, target, moment)
        story.append(f"session {session}: {target} killed after {moment:.3f} s, exit code {child.returncode}")
        _look(folder, session, safe)
        if target == "all" and chance.random() < 0.4:
            story.append(_cut(folder, chance))
            safe.clear()  # a cut may take back anything
    last = _start(folder, seed, 99, 0, False)
    assert last.wait(60) == 0, "the last session, undisturbed, has failed"
    _look(folder, 99, safe)
    _compare(folder, seed)
    return story


def _start(folder: Path, seed: int, session: int, shuffle: int, ordered: bool) -> subprocess.Popen[bytes]:
    environment = scripts.environment({"CHAOS_FOLDER": str(folder), "CHAOS_SESSION": str(session)})
    environment["PYTHONPATH"] += f":{scripts.ROOT}"
    command = [sys.executable, "-m", "tests.runs.chaos_child", folder, seed, shuffle, "ordered" if ordered else "free"]
    with open(folder / "errors", "ab") as errors:
        return subprocess.Popen(list(map(str, command)), env=environment, cwd=folder, stdout=errors, stderr=errors)


def _strike(child: subprocess.Popen[bytes], target: str, moment: float) -> None:
    """Kill what was chosen after a moment, and wait for the session's end."""
    until = time.monotonic() + moment
    while time.monotonic() < until and child.poll() is None:
        time.sleep(0.002)
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(child.pid)
        below = parent.children()
        inner = [each for nursery in below for each in nursery.children(recursive=True)]
        chosen = {"all": [parent, *below, *inner], "parent": [parent], "nursery": below[:1], "worker": inner[:1]}
        for each in chosen[target]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
    child.wait(60)


def _look(folder: Path, session: int, safe: set[int]) -> None:
    """See that this session ran nothing whose result had been told of, and note what it has told of."""
    ran = {int(number) for of, number in map(str.split, _lines(folder / "ran")) if int(of) == session}
    assert not ran & safe, f"session {session} ran {sorted(ran & safe)} again, whose results had been told of"
    safe.update(number for of, number in map(json.loads, _lines(folder / "told")) if of == session)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _cut(folder: Path, chance: random.Random) -> str:
    """Cut the end off one of the journal's files, as a power cut may."""
    files = [path for path in (folder / "run.db-wal", folder / "run.db") if path.exists() and path.stat().st_size]
    if not files:
        return "nothing there to cut"
    path = files[0] if chance.random() < 0.7 else files[-1]
    size = path.stat().st_size
    left = size - min(size, chance.choice((chance.randrange(1, 100), chance.randrange(1, size + 1))))
    os.truncate(path, left)
    return f"{path.name} cut from {size} to {left} bytes"


def _compare(folder: Path, seed: int) -> None:
    wanted = [(number, _undisturbed(number)) for number in chaos_child.items_of(seed)]
    with Run.open(folder / "run.db") as run:
        found = [(item, repr(result)) for item, result in run.results()]
        assert found == wanted, "the results are not those of an undisturbed run"
        assert run.counts.whole and run.counts.left == 0
        assert run.counts.items == len(set(chaos_child.items_of(seed)))


def _undisturbed(number: int) -> str:
    try:
        return repr(chaos_child.work(number))
    except ValueError as error:
        return repr(error)
