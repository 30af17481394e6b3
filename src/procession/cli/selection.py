"""Which of the items are taken, and in what order: `--shuffle`, `--limit`.

Knows: the items, a seed.
Must not know: where they come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

SEEDS = 2**32


def draw_seed() -> int:
    """Draw a seed, short enough to be typed."""
    from random import Random

    return Random().randrange(SEEDS)


def select(
    items: Iterable[Any], total: int | None, *, limit: int | None, seed: int | None
) -> tuple[Iterator[Any], int | None]:
    """Give the items that are taken, and their number where that is known.

    Args:
        items: All of them; read as they are needed, but for a shuffle.
        total: How many there are, where that is known.
        limit: How many are taken; None: all.
        seed: Of the shuffle; None: none.
    """
    if seed is not None:
        from random import Random

        every = list(items)
        Random(seed).shuffle(every)
        items, total = every, len(every)
    if limit is None:
        return iter(items), total
    return islice(items, limit), None if total is None else min(total, limit)
