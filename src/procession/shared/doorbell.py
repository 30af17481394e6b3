"""A descriptor that is readable while a queue has messages, for who waits for several things at once.

Knows: a pipe of which one descriptor is both ends.
Must not know: queues.
"""

from __future__ import annotations

import os
from contextlib import suppress

from procession.shared import passing


class Doorbell:
    """One process's hold on it.

    Args:
        descriptor: Of the pipe, which is closed with this.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = passing.Owned(descriptor)

    def ring(self) -> None:
        """Make it readable."""
        with suppress(BlockingIOError):  # it is full
            os.write(self.descriptor, b"\0")

    def mute(self) -> None:
        """Make it unreadable."""
        with suppress(BlockingIOError):
            while os.read(self.descriptor, 4096):
                pass

    def on_the_way(self) -> passing.Inherited | passing.Named:
        """What a pickle says of its descriptor."""
        return passing.along(self.descriptor)


def create() -> Doorbell:
    """Make one.

    Raises:
        OSError: There is no descriptor for it.
    """
    ends = os.pipe()
    try:
        both = os.open(f"/proc/self/fd/{ends[0]}", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    finally:
        for each in ends:
            os.close(each)
    return Doorbell(both)
