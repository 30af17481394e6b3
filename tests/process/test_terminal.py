"""Ctrl-C in a real terminal goes to the processes too, as with multiprocessing, and ends all of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.helpers import processes, scripts, terminals
from tests.helpers.wait import wait_until

pytestmark = pytest.mark.limit(60)

SCRIPT = """
    import os, sys, time
    MODULE as mp

    def task():
        open("began", "w").close()
        try:
            time.sleep(300)
        finally:
            print("a process cleans up", flush=True)

    if __name__ == "__main__":
        process = mp.get_context(sys.argv[1]).Process(target=task, name="sleeper")
        process.start()
        try:
            process.join()
        except KeyboardInterrupt:
            print("the parent was interrupted", flush=True)
            process.join()
            print("exit code", process.exitcode, flush=True)
"""


def screen_after_ctrl_c(folder: Path, module: str, method: str) -> tuple[int, str]:
    path = scripts.write_script(folder, SCRIPT.replace("MODULE", module))
    began = folder / "began"
    began.unlink(missing_ok=True)
    with terminals.pty_session([sys.executable, str(path), method], folder) as terminal:
        wait_until(began.exists, 30)
        below = [each.pid for each in processes.descendants(terminal.pid)]
        terminal.press(terminals.CTRL_C)
        code = terminal.wait()
        wait_until(lambda: not any(map(processes.running, below)))
        return code, terminal.screen


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_ctrl_c_does_what_it_does_with_multiprocessing(tmp_path: Path, method: str) -> None:
    if method == "forkserver":
        pytest.skip("its children ignore Ctrl-C, here as there: the parent would wait for them")
    for module in ("import multiprocessing", "import procession"):
        code, screen = screen_after_ctrl_c(tmp_path, module, method)
        assert code == 0 and screen.rstrip().endswith("exit code 1"), screen
        for text in ("a process cleans up", "the parent was interrupted", "Process sleeper:"):
            assert text in screen, screen  # in any order: both write at once
        assert screen.count("KeyboardInterrupt") == 1
