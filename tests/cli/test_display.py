"""Progress: a bar on a terminal, plain lines elsewhere, nothing if told so."""

from __future__ import annotations

import io
import re
import sys
from typing import Any

import pytest

from procession.cli import display
from procession.cli.report import Tally
from tests.helpers.wait import wait_until


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def tally() -> Tally:
    tally = Tally("thumbs", total=300)
    tally.done = 119
    tally.fail(0, "'a'", ValueError())
    return tally


def test_plain_lines(tally: Tally) -> None:
    stream = io.StringIO()
    with display.Lines(tally, stream, every=0.01):  # also while no item ends
        wait_until(lambda: "\n" in stream.getvalue())
    pattern = r"(procession thumbs: 120 of 300, [\d.]+/s, [\d:]+( s)? left, 1 failed\n)+"
    assert re.fullmatch(pattern, stream.getvalue())


def test_plain_lines_are_seconds_apart(tally: Tally) -> None:
    stream = io.StringIO()
    with display.Lines(tally, stream) as lines:
        for _ in range(1000):
            lines.step()
    assert stream.getvalue() == ""


def test_the_bar(tally: Tally) -> None:
    stream = Terminal()
    with display.Bar(tally, stream):
        pass
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "120 of 300" in text and "1 failed" in text and "left" in text


def test_the_bar_of_an_unknown_number() -> None:
    stream = Terminal()
    with display.Bar(Tally("map", total=None), stream):
        pass
    assert "map" in stream.getvalue()


@pytest.mark.parametrize(
    ("stream", "options", "kind"),
    [
        (io.StringIO(), {}, display.Lines),
        (Terminal(), {}, display.Bar),
        (Terminal(), {"quiet": True}, display.Display),
        (Terminal(), {"results_on_terminal": True}, display.Display),
        (None, {}, display.Display),
    ],
)
def test_choice(
    monkeypatch: pytest.MonkeyPatch, tally: Tally, stream: Any, options: dict[str, bool], kind: type[display.Display]
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    assert type(display.choose(tally, **{"quiet": False, **options})) is kind


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch, tally: Tally) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "dumb")
    assert type(display.choose(tally, quiet=False)) is display.Lines
