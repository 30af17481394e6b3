"""The values of flags: times, numbers of workers, stop rules.

A text becomes a value, or a line that says what is wrong.

Knows: click's types.
Must not know: which flag has which type.

Each type takes its own values too, so that what was decided once can be given again (`procession resume`).
"""

from __future__ import annotations

import re
from typing import Any

import click

from procession.launcher import host

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TIME_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ms|s|m|h|d)")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_RULE = re.compile(r"(soon|now),(?:fail|success|done)=([1-9][0-9]*%?)")


def seconds_in(text: str) -> float | None:
    """Read a time: `30`, `30s`, `5m`, `1h30m`, `500ms`, `1.5h`; None if it is none.

    A number alone is seconds. Units stand in the order of their size, each once: `5m1h` is a slip of the pen.
    """
    if _NUMBER.fullmatch(text):
        return float(text)
    total, place, last = 0.0, 0, float("inf")
    for match in _TIME_PART.finditer(text):
        unit = _UNITS[match[2]]
        if match.start() != place or unit >= last:
            return None
        total, place, last = total + float(match[1]) * unit, match.end(), unit
    return total if text and place == len(text) else None


class Size(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """`256` for a square box, `640x480` for another."""

    name = "size"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> tuple[int, int]:
        """Turn the text into width and height."""
        match = re.fullmatch(r"([0-9]{1,6})(?:[xX]([0-9]{1,6}))?", str(value))
        if match is None:
            self.fail(f"{value!r} is not a size such as 256 or 640x480", parameter, context)
        width, height = match.groups(default=match[1])
        return int(width), int(height)


class Time(click.ParamType):  # type: ignore[type-arg]
    """A time in seconds.

    Args:
        share: `300%` is one too: of the median of the items that have ended.
        zero: No time at all is one too.
    """

    name = "time"

    def __init__(self, *, share: bool = False, zero: bool = False) -> None:
        self._share = share
        self._zero = zero

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> float | str | None:
        """Turn the text into seconds; a share stays a text."""
        text = str(value).strip().lower()
        if self._share and re.fullmatch(r"[0-9]+(\.[0-9]+)?%", text) and float(text[:-1]) > 0:
            return text
        seconds = seconds_in(text)
        if seconds is None or seconds < 0 or (seconds == 0 and not self._zero):
            share = ", or 300% of the median" if self._share else ""
            self.fail(f"{value!r} is not a time such as 30, 500ms, 5m or 1h30m{share}", parameter, context)
        return seconds


class Workers(click.ParamType):  # type: ignore[type-arg]
    """A number of workers: `4`, `50%` of the CPUs, `-1` for all of them, `-2` for all but one.

    Source: n_jobs= of joblib, whose -1 is all CPUs too. For GNU parallel -1 is all but one.
    """

    name = "workers"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> int:
        """Turn the text into a number of workers, at least 1."""
        text = str(value).strip()
        if re.fullmatch(r"[1-9][0-9]{0,5}", text):
            return int(text)
        share, back = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)%", text), re.fullmatch(r"-([1-9][0-9]{0,5})", text)
        if not back and not (share and float(share[1]) > 0):
            self.fail(f"{value!r} is not a number of workers such as 4, 50% or -1 (all CPUs)", parameter, context)
        try:
            granted = host.worker_count().count
        except ValueError as error:  # a variable that says it holds no number
            self.fail(str(error), parameter, context)
        return max(1, round(granted * float(share[1]) / 100) if share else granted + 1 - int(text[1:]))


class Rule(click.ParamType):  # type: ignore[type-arg]
    """When a run stops by itself: `soon,fail=3`, `now,fail=10%`, `never`."""

    name = "rule"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> str | None:
        """Check the text; `never` is no rule."""
        text = str(value).strip().lower()
        if text == "never":
            return None
        match = _RULE.fullmatch(text)
        if match is None or (text.endswith("%") and int(match[2][:-1]) > 100):
            self.fail(f"{value!r} is not a rule such as soon,fail=3 or now,fail=10% or never", parameter, context)
        return text


class Bytes(click.ParamType):  # type: ignore[type-arg]
    """An amount of memory: `500MB`, `2GiB`, `25%`, or a number of bytes. What it may be is checked with the others."""

    name = "amount"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> int | str:
        """A number alone is bytes."""
        text = str(value)
        return int(text) if text.isascii() and text.isdigit() else text


class Above(click.ParamType):  # type: ignore[type-arg]
    """A number above 0."""

    name = "number"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        """Turn the text into the number."""
        if not _NUMBER.fullmatch(str(value)) or float(value) <= 0:
            self.fail(f"{value!r} is not a number above 0", parameter, context)
        return float(value)
