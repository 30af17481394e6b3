"""What flags take: times, numbers of workers, stop rules."""

from __future__ import annotations

import click
import pytest

from procession.cli import values


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0), ("30s", 30.0), ("5m", 300.0), ("1h30m", 5400.0), ("500ms", 0.5), ("1.5h", 5400.0),
        ("2d", 172800.0),
        (".5", 0.5), ("1m0.5s", 60.5), ("1d2h3m4s5ms", 93784.005),
    ],
)  # fmt: skip
def test_times(text: str, seconds: float) -> None:
    assert values.Time().convert(text, None, None) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "x", "5x", "5m1h", "1h1h", "-1", "0", "1 h", "inf", "nan", "1e3", "h", "300%"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a time such as 30, 500ms, 5m or 1h30m"):
        values.Time().convert(text, None, None)


def test_shares_and_no_time_at_all() -> None:
    assert values.Time(share=True).convert("300%", None, None) == "300%"
    assert values.Time(zero=True).convert("0", None, None) == 0.0
    with pytest.raises(click.BadParameter):
        values.Time(share=True).convert("0%", None, None)


@pytest.mark.parametrize(
    ("text", "workers"), [("3", 3), ("50%", 2), ("10%", 1), ("150%", 6), ("-1", 4), ("-2", 3), ("-9", 1)]
)
def test_workers(monkeypatch: pytest.MonkeyPatch, text: str, workers: int) -> None:
    monkeypatch.setenv("PROCESSION_WORKERS", "4")
    assert values.Workers().convert(text, None, None) == workers


@pytest.mark.parametrize("text", ["0", "-0", "x", "", "0%", "1.5", "-50%"])
def test_what_is_no_number_of_workers(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a number of workers"):
        values.Workers().convert(text, None, None)


def test_a_variable_that_holds_no_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCESSION_WORKERS", "many")
    with pytest.raises(click.BadParameter, match="PROCESSION_WORKERS='many'"):
        values.Workers().convert("50%", None, None)


@pytest.mark.parametrize("text", ["soon,fail=3", "now,fail=10%", "soon,success=1", "now,done=100"])
def test_rules(text: str) -> None:
    assert values.Rule().convert(text, None, None) == text


@pytest.mark.parametrize("text", ["fail=3", "soon,fail=0", "now,fail=101%", "soon,fail=", "soon", "later,fail=1"])
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a rule such as"):
        values.Rule().convert(text, None, None)


def test_the_rule_that_is_none() -> None:
    assert values.Rule().convert("never", None, None) is None


@pytest.mark.parametrize("text", ["0", "-1", "x", "", "inf", "nan"])
def test_what_is_no_number_above_0(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a number above 0"):
        values.Above().convert(text, None, None)
