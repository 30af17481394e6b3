"""One worker, seen by its parent: its channel, its tickets, what it was sent and how it ended.

Knows: the descriptors of one worker, and the state that they are in.
Must not know: how the worker was born, and what is decided about it.
"""

from __future__ import annotations

import os
import socket
from collections import Counter, OrderedDict

from procession.wire.channel import Channel
from procession.wire.codec import TICKET


class Link:
    """The parent's end of one worker."""

    __slots__ = (
        "borrowed", "channel", "closed", "defined", "doomed", "end_by", "exitcode", "functions", "mute", "number",
        "pid", "retired", "slot", "tickets", "tickets_in", "why",
    )  # fmt: skip

    def __init__(self, number: int, channel: Channel, tickets: int, tickets_in: int, slot: int) -> None:
        self.number = number
        self.channel = channel
        self.tickets = tickets  # we take back here
        self.tickets_in = tickets_in  # we hand out here
        self.slot = slot
        self.pid = 0
        self.exitcode: int | None = None
        self.why: str | None = None  # it ended without an exit code that is known, and this is why
        self.closed = False  # the channel has ended
        self.mute = False  # it lived on without its channel
        self.retired = False
        self.doomed = False  # it is to be killed as soon as its process id is known
        self.end_by: float | None = None  # when it is killed, if it was told to end
        self.borrowed = False  # a caller reads this channel, not the engine's thread
        self.functions: OrderedDict[int, int] = OrderedDict()  # those that the worker knows: size in bytes
        self.defined: dict[str, int] = {}

    @property
    def ended(self) -> bool:
        """True if the worker is known to have ended."""
        return self.exitcode is not None or self.why is not None

    @property
    def blocked(self) -> bool:
        """True if what was sent has not gone out whole."""
        return self.channel.blocked

    def fileno(self) -> int:
        """The descriptor of the channel."""
        return self.channel.fileno()

    def take_back(self) -> dict[int, int]:
        """Read the tickets that the worker has not read yet: how many there are of each."""
        try:
            tickets = os.read(self.tickets, 1 << 16)
        except BlockingIOError:
            return {}
        return dict(Counter(ticket for (ticket,) in TICKET.iter_unpack(tickets)))

    def close(self) -> None:
        """Give the descriptors back."""
        self.channel.close()
        os.close(self.tickets)
        os.close(self.tickets_in)


def open_link(number: int, slot: int) -> tuple[Link, socket.socket]:
    """Make the parent's end of a worker, and the socket that is the worker's.

    Args:
        number: The worker's.
        slot: Its place among the shared counters.

    Raises:
        OSError: There are no descriptors left.
    """
    ours, theirs = socket.socketpair()
    try:
        tickets, tickets_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        ours.close()
        theirs.close()
        raise
    return Link(number, Channel(ours), tickets, tickets_in, slot), theirs
