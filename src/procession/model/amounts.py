"""Amounts of memory as a pool's maker writes them: `2_000_000_000`, `"2GB"`, `"512MiB"`, `"25%"`.

Knows: the units, and what the three options about memory may be.
Must not know: how much memory there is; a share is one of a total that is told.
"""

from __future__ import annotations

from operator import index

from procession.model.light import Record

UNITS = {
    "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
    "tib": 1 << 40,
}  # fmt: skip
MANNERS = "must be bytes, or a text as '500MB', '2GiB' or '25%', or None"


class Amount(Record):
    """So many bytes, or so large a share of all that there is.

    Args:
        bytes: The bytes; 0 where it is a share.
        share: The share, up to 1; 0 where it is bytes.
        text: As it was given.
    """

    __slots__ = ("bytes", "share", "text")

    def __init__(self, bytes: int, share: float, text: str) -> None:
        self.bytes = bytes
        self.share = share
        self.text = text

    def of(self, total: int) -> int:
        """Say how many bytes it is where there are `total`."""
        return self.bytes or max(1, int(self.share * total))


def amount(name: str, value: object) -> Amount:
    """Read an amount.

    Args:
        name: The option's, for the error.

    Raises:
        ValueError: It is none, or not more than 0.
    """
    if isinstance(value, str):
        number, unit = _cut(value)
        if unit == "%" and 0 < number <= 100:
            return Amount(0, number / 100, repr(value))
        if unit in UNITS and number * UNITS[unit] >= 1:
            return Amount(int(number * UNITS[unit]), 0.0, repr(value))
    else:
        try:
            whole = index(value)  # type: ignore[arg-type]
        except TypeError:
            whole = 0
        if whole > 0:
            return Amount(whole, 0.0, repr(value))
    raise ValueError(f"{name}={value!r:.80}: {MANNERS}")


def _cut(text: str) -> tuple[float, str]:
    """Cut a text into its number and its unit; a number of 0 where there is none."""
    text = text.strip().lower()
    end = len(text.rstrip("%abcdefghijklmnopqrstuvwxyz \t"))
    digits = text[:end]
    if not digits.isascii() or not digits.replace(".", "", 1).replace("_", "").isdigit() or digits[0] == "_":
        return 0.0, ""
    try:
        return float(digits), text[end:].strip()
    except ValueError:  # 1__0
        return 0.0, ""


class Bounds(Record):
    """What the pool's maker chose about memory, in bytes; None: nothing."""

    __slots__ = ("soft", "hard", "floor")

    def __init__(self, soft: int | None, hard: int | None, floor: int | None) -> None:
        self.soft = soft
        self.hard = hard
        self.floor = floor


class MemoryOptions(Record):
    """`max_rss=`, `max_rss_hard=` and `memory_floor=`, checked.

    Raises:
        ValueError: One of them is no amount of memory.
    """

    __slots__ = ("max_rss", "max_rss_hard", "memory_floor")

    def __init__(self, max_rss: object, max_rss_hard: object, memory_floor: object) -> None:
        self.max_rss = None if max_rss is None else amount("max_rss", max_rss)
        self.max_rss_hard = None if max_rss_hard is None else amount("max_rss_hard", max_rss_hard)
        self.memory_floor = None if memory_floor is None else amount("memory_floor", memory_floor)

    def bounds(self, total: int) -> Bounds:
        """Give them in bytes, where there are `total` of memory.

        Raises:
            ValueError: The hard limit is below the soft one.
        """
        each = (self.max_rss, self.max_rss_hard, self.memory_floor)
        soft, hard, floor = (None if one is None else one.of(total) for one in each)
        if soft is not None and hard is not None and hard < soft:
            assert self.max_rss is not None and self.max_rss_hard is not None
            given = f"max_rss_hard={self.max_rss_hard.text} is less than max_rss={self.max_rss.text}"
            raise ValueError(f"{given}: an item is ended at the one, its worker replaced at the other")
        return Bounds(soft, hard, floor)
