"""Progress: what a function is told, what is written, and that showing it never ends a call."""

from __future__ import annotations

import io
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from procession import Pool
from procession.monitor import looks, progress
from tests.helpers import terminals
from tests.helpers.scripts import write_script
from tests.pool import functions as work

pytestmark = pytest.mark.limit(60)

Counts = list[tuple[int, int, int | None]]


@pytest.fixture
def seen() -> Counts:
    return []


@pytest.fixture
def pool(seen: Counts) -> Any:
    with Pool(2, progress=lambda *counts: seen.append(counts)) as made:
        yield made


@pytest.mark.short
def test_function_is_told_of_every_step_and_of_the_end(pool: Pool, seen: Counts) -> None:
    for call in (pool.map, lambda *args: list(pool.imap(*args)), lambda *args: list(pool.imap_unordered(*args))):
        seen.clear()
        call(work.square, range(500))  # type: ignore[operator]
        assert seen[-1] == (500, 0, 500) and seen == sorted(set(seen))
        assert all(total == 500 for _, _, total in seen)


def test_failed_items_are_counted(pool: Pool, seen: Counts) -> None:
    with pytest.raises(KeyError):
        pool.map(work.fail_if_odd, range(10))
    assert seen[-1] == (10, 5, 10)
    pool.map(work.die_at_three, range(5), outcomes=True)
    assert seen[-1] == (5, 1, 5)


def test_total_is_known_at_the_end_of_an_input_without_length(pool: Pool, seen: Counts) -> None:
    assert len(list(pool.imap(work.pause, (0.01 for _ in range(20))))) == 20
    assert seen[0][2] is None and seen[-1] == (20, 0, 20)


def test_every_call_ends_with_a_last_word(pool: Pool, seen: Counts, tmp_path: Path) -> None:
    pool.map(work.square, [])
    assert seen == [(0, 0, 0)]
    iterator = pool.imap(work.square, iter(int, 1))
    next(iterator)
    iterator.close()
    assert seen[-1][0] >= 1 and seen[-1][2] is None
    seen.clear()
    waiting = pool.map_async(work.wait_if_path, [1, tmp_path / "never"], 1)
    pool.terminate()
    assert waiting.ready() and seen[-1][2] == 2


def test_single_calls_have_no_progress(pool: Pool, seen: Counts) -> None:
    pool.apply(work.square, (1,))
    pool.submit(work.square, 1).result(30)
    assert not seen


def test_function_that_raises_is_told_once_and_ends_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    def refuse(*_: Any) -> None:
        raise LookupError("progress")

    with Pool(2, progress=refuse) as pool:
        assert pool.map(work.square, range(300), 1) == [n * n for n in range(300)]
        assert list(pool.imap(work.square, range(30))) == [n * n for n in range(30)]
    assert capfd.readouterr().err.count("LookupError: progress") == 2


def test_function_is_never_called_twice_at_once() -> None:
    inside = threading.Lock()
    clashes = []

    def tell(*_: Any) -> None:
        if not inside.acquire(blocking=False):
            clashes.append(1)
            return
        inside.release()

    with Pool(2, progress=tell) as pool:
        results = [pool.map_async(work.square, range(200), 5) for _ in range(1)]
        assert [len(result.get(30)) for result in results] == [200]
    assert not clashes


def test_shown_only_when_it_is_time() -> None:
    told: Counts = []
    reporter = progress.Reporter(lambda *counts: told.append(counts), 10, every=3600)
    for _ in range(10):
        reporter.add(1, 0)
        reporter.show()
    assert told == []
    reporter.end()
    reporter.end()
    reporter.show()
    assert told == [(10, 0, 10)]


def test_lines_on_a_stream_that_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with Pool(2, progress=True) as pool:
        with pytest.raises(ValueError):
            pool.map(work.fail_at_three, range(8))
    line = stream.getvalue()
    assert line.startswith("procession: 8 of 8, ") and line.endswith("/s, 1 failed\n") and line.count("\n") == 1
    monkeypatch.setattr(sys, "stderr", None)
    with Pool(1, progress=True) as pool:
        assert pool.map(work.square, [2]) == [4]


@pytest.mark.parametrize(
    "counts, text",
    [
        ((0, 0, None, 0.0), "0"),
        ((120, 1, 300, 60.0), "120 of 300, 2.0/s, 1:30 left, 1 failed"),
        ((5000, 0, None, 10.0), "5000, 500/s"),
        ((1, 0, 100_000, 1.0), "1 of 100000, 1.0/s, 27:46:39 left"),
    ],
)
def test_words(counts: tuple[int, int, int | None, float], text: str) -> None:
    assert looks.describe(*counts) == text


def test_bar_on_a_terminal_and_no_thread_for_it(tmp_path: Path) -> None:
    script = write_script(
        tmp_path,
        """
        import threading, time
        from procession import Pool

        with Pool(2, progress=True) as pool:
            pool.map(time.sleep, [0.02] * 40)
            print("threads", sorted(t.name for t in threading.enumerate()))
        """,
    )
    with terminals.pty_session([sys.executable, str(script)]) as terminal:
        assert terminal.wait() == 0
        terminal.read_until("threads")
    assert "40 of 40" in terminal.screen and "\u2501" in terminal.screen
    assert "threads ['MainThread', 'procession-engine']" in terminal.screen
