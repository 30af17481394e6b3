"""What a worker process says, as news.

Knows: the frames that come from a worker.
Must not know: what is made of the news.
"""

from __future__ import annotations

from procession.backends.base import Broken, Ended, Logged, News, Outgrown, Ready
from procession.backends.link import Link
from procession.wire import codec, exceptions
from procession.wire.frames import Body, Kind
from procession.wire.store import Store


def understood(link: Link, kind: int, body: Body, store: Store) -> News:
    """Read a frame.

    Args:
        link: Whose worker said it; it learns its process id here.
        store: Where what is large is found.
    """
    if kind == Kind.STORED:
        kind, body = store.unwrap(body)
    if kind == Kind.RESULTS:
        batch, count, seconds, flags = codec.RESULTS_HEAD.unpack_from(body)
        results = codec.decode_results(flags, memoryview(body)[codec.RESULTS_HEAD.size :], store)
        return Ended(link.number, batch, count, seconds, results, len(body) + results.beside)
    if kind == Kind.RECORDS:
        return Logged(link.number, body)
    if kind == Kind.OUTGROWN:
        return Outgrown(link.number)
    if kind == Kind.READY:
        link.pid = int(body)  # the nursery says so, too, but on another channel, and maybe later
        return Ready(link.number)
    return Broken(link.number, exceptions.decode(codec.load(body)))
