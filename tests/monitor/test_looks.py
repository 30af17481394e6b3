"""How progress looks, by rich, by tqdm, in a notebook; what is checked before anything begins."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from importlib import util
from pathlib import Path
from typing import Any

import pytest

import procession
from procession import Pool
from procession.monitor import looks, progress
from tests.helpers import terminals
from tests.helpers.scripts import Finished, write_script
from tests.pool import functions as work

pytestmark = pytest.mark.limit(100)


@pytest.mark.short
@pytest.mark.parametrize("wrong", ["bar", "", "TQDM"])
def test_names_are_checked_before_anything_begins(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"progress='.*': must be True, False, 'rich', 'tqdm' or a function"):
        Pool(1, progress=wrong)
    with pytest.raises(ValueError, match="progress="):
        procession.map(work.square, [1], progress=wrong)
    with pytest.raises(ValueError, match="progress="):
        procession.stream(work.square, [1], progress=wrong)


def test_what_is_none_of_them() -> None:
    for wrong in (3, [print], b"rich"):
        with pytest.raises(TypeError, match="must be True, False"):
            Pool(1, progress=wrong)  # type: ignore[arg-type]


def test_a_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"progress='tqdm': tqdm is not installed; pip install 'procession\[tqdm\]'"):
        Pool(1, progress="tqdm")
    with pytest.raises(ImportError, match=r"pip install 'procession\[rich\]'"):
        Pool(1, progress="rich")


def test_rich_by_name_draws_also_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with Pool(2, progress="rich") as pool:
        assert pool.map(work.square, range(30)) == [n * n for n in range(30)]
    assert "30 of 30" in stream.getvalue()


def test_tqdm_counts_items(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with Pool(2, progress="tqdm") as pool:
        pool.map(work.fail_if_odd, range(40), outcomes=True)
        text = stream.getvalue()
        assert "40/40" in text and "failed=20" in text
        assert list(pool.imap(work.square, iter(range(7)))) == [n * n for n in range(7)]
        assert "7/7" in stream.getvalue()[len(text) :]
    assert not [thread.name for thread in threading.enumerate() if "onitor" in thread.name]


def test_tqdm_without_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys, "stderr", None)
    with Pool(1, progress="tqdm") as pool:
        assert pool.map(work.square, [2]) == [4]


def test_tqdm_on_a_terminal(tmp_path: Path) -> None:
    pytest.importorskip("tqdm")
    script = write_script(
        tmp_path,
        """
        import time
        from procession import Pool

        with Pool(2, progress="tqdm") as pool:
            pool.map(time.sleep, [0.02] * 40)
        """,
    )
    with terminals.pty_session([sys.executable, str(script)]) as terminal:
        assert terminal.wait() == 0
        terminal.read_until("40/40")
    counts = {int(part.rpartition(" ")[2]) for part in terminal.screen.split("/40")[:-1]}
    assert len(counts) > 3 and max(counts) == 40  # it moved


NOTEBOOK = """
import nbclient, nbformat

cell = nbformat.v4.new_code_cell('''
import os, sys, time
sys.path.insert(0, {source!r})
from procession import Pool

def nap(seconds):
    time.sleep(seconds)
    return os.getpid()

with Pool(2, progress={progress!r}) as pool:
    pids = set(pool.map(nap, [0.05] * 24))
print("done", os.getpid() not in pids)
''')
notebook = nbformat.v4.new_notebook(cells=[cell])
nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
for output in cell.outputs:
    print("output", output.get("text") or output.get("data"))
print("widgets", notebook.metadata.get("widgets"))
"""


@pytest.mark.parametrize("chosen", [True, "rich", "tqdm"])
def test_in_a_notebook(chosen: Any, run_script: Callable[..., Finished]) -> None:
    for needed in ("nbclient", "ipykernel", "tqdm"):
        pytest.importorskip(needed)
    source = str(Path(procession.__file__).parents[1])
    done = run_script(NOTEBOOK.format(progress=chosen, source=source), timeout=90)
    assert done.returncode == 0, done.stderr
    assert "output done True" in done.stdout
    if chosen == "tqdm":
        assert "24/24" in done.stdout
    else:  # one line, that changed
        shown = [line for line in done.stdout.splitlines() if line.startswith("output") and "24 of 24" in line]
        assert len(shown) == 1 and "█" * looks.BAR_CHARACTERS in shown[0], done.stdout


def test_bar_text() -> None:
    half = looks.BAR_CHARACTERS // 2
    assert looks.bar_text(5, 1, 10, 1.0) == "█" * half + "░" * half + " 5 of 10, 5.0/s, 1 s left, 1 failed"
    assert looks.bar_text(5, 0, None, 1.0) == "5, 5.0/s"
    assert looks.bar_text(0, 0, 0, 1.0) == "0 of 0"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (60, "1:00"), (185, "3:05"), (7384, "2:03:04"), (59.7, "1:00")]
)
def test_duration(seconds: float, text: str) -> None:
    assert looks.duration(seconds) == text


def test_counts_of_chunked_calls_are_those_of_items() -> None:
    seen: list[tuple[int, int, int | None]] = []
    with Pool(2, progress=lambda *counts: seen.append(counts)) as pool:
        pool.map(procession.chunked(lambda items: [1 // item for item in items]), [1, 0, 1, 1, 2, 3], 2, outcomes=True)
    assert seen[-1] == (6, 2, 6) and all(ended % 2 == 0 for ended, _, _ in seen)


def test_nothing_is_checked_where_nothing_was_chosen() -> None:
    for fine in (True, False, None, print, "rich"):
        progress.checked(fine)
