"""The report: errors grouped by type, with the items named."""

from __future__ import annotations

import pytest

from procession.cli.report import Tally, message_of
from procession.model.errors import RemoteError


class BadText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_errors_are_grouped_and_the_items_named() -> None:
    tally = Tally("map", total=5)
    tally.done = 2
    tally.fail(4, "'e'", ValueError("not a number"))
    tally.fail(1, "'b'", OSError("cannot read 'b'"))
    tally.fail(0, "'a'", ValueError("two\n  lines"))
    assert list(tally.error_lines()) == [
        "3 items failed:",
        "  ValueError (2)",
        "    'a': two lines",
        "    'e': not a number",
        "  OSError (1)",
        "    cannot read 'b'",
    ]


def test_a_long_group_is_cut_in_the_text_and_whole_in_json() -> None:
    tally = Tally("map", total=None)
    for number in range(50):
        tally.fail(number, repr(number), KeyError(number))
    lines = list(tally.error_lines())
    assert len(lines) == 23 and lines[-1] == "    and 30 more"
    assert len(tally.as_json(1)["errors"]["KeyError"]["items"]) == 50


def test_an_endless_run_keeps_a_bounded_number() -> None:
    tally = Tally("map", total=None, keep=10)
    for number in range(1000):
        tally.fail(number, repr(number), KeyError(number))
    group = tally.as_json(1)["errors"]["KeyError"]
    assert (group["count"], len(group["items"])) == (1000, 10)


def test_json_holds_every_fact() -> None:
    tally = Tally("thumbs", total=3, skipped=4)
    tally.done = 2
    tally.fail(2, "'c'", ValueError("no"))
    found = tally.as_json(1, output="out")
    assert found.pop("seconds") >= 0 and found.pop("per_second") > 0
    assert found == {
        "command": "thumbs",
        "output": "out",
        "total": 3,
        "done": 2,
        "skipped": 4,
        "failed": 1,
        "replayed": 0,
        "left": 0,
        "interrupted": False,
        "stopped": None,
        "exit_code": 1,
        "errors": {"ValueError": {"count": 1, "items": [{"index": 2, "item": "'c'", "message": "no"}]}},
    }


def test_an_error_of_an_unknown_class_is_named_after_it() -> None:
    tally = Tally("map", total=1)
    tally.fail(0, "'a'", RemoteError(type_name="lib.Odd", message="text", traceback=""))
    assert list(tally.error_lines())[1:] == ["  lib.Odd (1)", "    'a': text"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("a"), "a"),
        (ValueError(), "ValueError"),
        (BadText(), "BadText()"),
        (ValueError("x" * 10**7), "x" * 497 + "..."),
    ],
)
def test_message(error: Exception, text: str) -> None:
    assert message_of(error) == text


def test_what_ended_the_run_before_its_time() -> None:
    tally = Tally("map", total=None)
    tally.stopped = "OSError: no more"
    assert list(tally.error_lines()) == ["procession map had to stop: OSError: no more"]
    assert tally.as_json(1)["stopped"] == "OSError: no more"


def test_summary() -> None:
    tally = Tally("thumbs", total=10, skipped=3)
    assert tally.summary("made").startswith("procession thumbs: 0 made, 3 up to date in 0.")
    tally.done, tally.interrupted = 4, True
    assert "4 made, 3 up to date, 6 left in " in tally.summary("made")
    assert tally.summary("made").endswith("/s; interrupted")


def test_an_error_without_a_text_is_named_by_its_type() -> None:
    error = RemoteError(type_name="KeyboardInterrupt", message="", traceback="")
    assert message_of(error) == "KeyboardInterrupt"
