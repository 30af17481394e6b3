"""Where workers print: where this process does now, or nowhere.

Knows: the two standard descriptors.
Must not know: what is printed.
"""

from __future__ import annotations

import os


def descriptors() -> tuple[int, int]:
    """Give the descriptors for standard output and standard error of a worker that is born now."""
    out = [1, 2]
    for place, descriptor in enumerate(out):
        try:
            os.fstat(descriptor)
        except OSError:
            out[place] = NOWHERE.descriptor()
    return out[0], out[1]


class _Nowhere:
    """A descriptor of the null device, opened when it is first needed."""

    def __init__(self) -> None:
        self._descriptor = -1

    def descriptor(self) -> int:
        if self._descriptor < 0:
            self._descriptor = os.open(os.devnull, os.O_WRONLY)
        return self._descriptor


NOWHERE = _Nowhere()
