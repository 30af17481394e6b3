"""Seeds: every item's own random numbers, whichever worker runs it and whatever ran there before.

Knows: how a seed is derived, `random` and the global generator of numpy.
Must not know: where items come from.

How it works: an item's seed is made from the pool's, the call's number and the item's index, and from nothing else.
It is set before the item runs. numpy is never loaded for it: where it is there its generator is seeded too, and where
a task loads it, it is seeded in that moment.
"""

from __future__ import annotations

import sys

from procession.model.light import Any

BITS = 256
MASK = (1 << BITS) - 1
# Odd, else arbitrary: the first bits behind the point of the golden ratio and of the square root of 2.
FACTOR = 0x9E3779B97F4A7C15F39CC0605CEDC8341082276BF3A27251F86C6A11D0C18E95
START = 0x6A09E667F3BCC908B2FB1366EA957D3E3ADEC17512775099DA2F590B0667322A
NUMPY_RANDOM = "numpy.random"
WORD_BITS = 32


def _mix(state: int) -> int:
    """Let every bit depend on every other; two different numbers stay different."""
    for _ in range(2):
        state ^= state >> (BITS // 2)
        state = state * FACTOR & MASK
    return state ^ state >> (BITS // 2)


def derive(seed: int, call: int, index: int) -> int:
    """Give the seed of one item, a number of 256 bits.

    Args:
        seed: The pool's.
        call: The number of the call within the pool.
        index: The number of the item within the call.
    """
    state = START
    while True:
        state = _mix(state ^ seed & MASK)
        seed >>= BITS
        if not seed:
            break
    return _mix(_mix(state ^ call) ^ index)


def plant(seed: int) -> None:
    """Seed `random`, and numpy's global generator if it is loaded."""
    import random

    random.seed(seed)
    plant_numpy(seed)


def plant_numpy(seed: int) -> None:
    """Seed numpy's global generator if it is loaded."""
    numpy_random: Any = sys.modules.get(NUMPY_RANDOM)
    if numpy_random is not None:
        numpy_random.seed([seed >> shift & 0xFFFFFFFF for shift in range(0, BITS, WORD_BITS)])


def part_from_siblings() -> None:
    """In a forked worker: let numpy's global generator begin anew, as Python's own `random` does by itself."""
    numpy_random: Any = sys.modules.get(NUMPY_RANDOM)
    if numpy_random is not None and hasattr(numpy_random, "seed"):
        numpy_random.seed()
