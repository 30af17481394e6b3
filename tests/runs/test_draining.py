"""Ctrl-C and SIGTERM: nothing that has ended is lost, and what runs may end, within limits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import procession
from procession.runs.draining import Draining
from tests.helpers.scripts import Finished, environment
from tests.helpers.wait import wait_until

SCRIPT = """
    import os, sys, time
    import procession

    def wait(number):
        if number >= 4:
            open(f"began-{number}", "w").close()
            while not os.path.exists("go"):
                time.sleep(0.005)
        return number

    procession.run(wait, range(100), journal="run.db", processes=2, chunksize=1, grace=float(sys.argv[1]))
"""


@pytest.fixture
def running(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    """A run four of whose items have ended and two of which wait for the file `go`."""
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    with open(tmp_path / "errors", "wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "script.py", str(getattr(request, "param", 30))],
            cwd=tmp_path,
            env=environment(),
            stderr=errors,
        )
    try:
        wait_until(lambda: len(list(tmp_path.glob("began-*"))) == 2)
        yield process
    finally:
        process.kill()
        process.wait()


def ended(folder: Path) -> list[int]:
    with procession.Run.open(folder / "run.db") as run:
        return sorted(item for item, _ in run.results())


def says(folder: Path, text: str) -> bool:
    return text in (folder / "errors").read_text()


def goes_on(folder: Path) -> None:
    """Do what is left."""
    (folder / "go").touch()
    done = subprocess.run([sys.executable, "script.py", "30"], cwd=folder, env=environment(), timeout=60)
    assert done.returncode == 0
    assert ended(folder) == list(range(100))


def test_first_ctrl_c_lets_what_runs_end(running: subprocess.Popen[bytes], tmp_path: Path) -> None:
    running.send_signal(signal.SIGINT)
    wait_until(lambda: says(tmp_path, "stopping: 2 items run and may end, less than 0.1"))
    assert says(tmp_path, "s each; Ctrl-C again ends them; the same call does the rest")
    (tmp_path / "go").touch()
    assert running.wait(30) == -signal.SIGINT
    assert says(tmp_path, "KeyboardInterrupt")
    began = {int(path.name.removeprefix("began-")) for path in tmp_path.glob("began-*")}
    assert set(range(4)) | began == set(ended(tmp_path)) and len(began) < 20
    goes_on(tmp_path)


def test_second_ctrl_c_ends_it(running: subprocess.Popen[bytes], tmp_path: Path) -> None:
    running.send_signal(signal.SIGINT)
    wait_until(lambda: says(tmp_path, "stopping:"))
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == -signal.SIGINT
    assert says(tmp_path, "ending what runs; it is done again next time")
    assert ended(tmp_path) == [0, 1, 2, 3]
    goes_on(tmp_path)


@pytest.mark.parametrize("running", [0.3], indirect=True)
def test_sigterm_drains_within_its_limit(running: subprocess.Popen[bytes], tmp_path: Path) -> None:
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) == -signal.SIGTERM
    assert says(tmp_path, "; in 0.3 s they are ended; the same call does the rest")
    assert ended(tmp_path) == [0, 1, 2, 3]
    goes_on(tmp_path)


class Fake:
    running = 1

    def __init__(self) -> None:
        self.told: list[tuple[bool, float | None]] = []

    def stop(self, now: bool = False, within: float | None = None) -> None:
        self.told.append((now, within))

    def expected_seconds(self) -> float | None:
        return None


def test_handlers_of_the_program_are_left_alone_and_ours_are_taken_away() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    own = signal.getsignal(signal.SIGTERM)
    try:
        with Draining(Fake()):
            assert signal.getsignal(signal.SIGTERM) is own
            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        live, said = Fake(), []
        with Draining(live, replace=True, say=said.append, again="`procession resume` does the rest") as draining:
            signal.raise_signal(signal.SIGTERM)
            assert heard == [] and draining.received == signal.SIGTERM
        assert live.told == [(False, 30.0)]
        text = "stopping: 1 item runs and may end; in 30 s they are ended; `procession resume` does the rest"
        assert said == [text]
        assert signal.getsignal(signal.SIGTERM) is own
        draining.pass_on()
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_third_ctrl_c_is_as_ever() -> None:
    live = Fake()
    with pytest.raises(KeyboardInterrupt), Draining(live, say=lambda text: None):
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)
    assert live.told == [(False, None), (True, None)]


INTERRUPTED = """
    import json, os, random, signal, threading, time
    import procession
    from procession.runs.live import LiveRun

    def double(number):
        time.sleep(0.0005)
        return number * 2

    told = set()
    for seed in range(8):
        delay = random.Random(seed).uniform(0.01, 0.3)
        timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            with LiveRun("run.db", double, range(3000), ordered=seed % 2 == 0, options={"processes": 2}) as live:
                for each in live:
                    told.add(each.outcome.item)
            while True:
                time.sleep(1)
        except KeyboardInterrupt:
            timer.join()
    with procession.Run.open("run.db") as run:
        recorded = {item for item, _ in run.results()}
    print(len(told) > 0, told <= recorded)
"""


def test_exception_of_a_signal_loses_nothing_that_was_told_and_leaves_no_lock(
    run_script: Callable[..., Finished],
) -> None:
    done = run_script(INTERRUPTED)
    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr
