"""Log records of workers, handled here as if they had been logged here; and what items printed that nobody asked for.

Knows: `logging`, the standard streams.
Must not know: which worker it came from.
"""

from __future__ import annotations

import sys

from procession.backends.base import Logged


def handle(news: Logged) -> None:
    """Hand records to this process's handlers, as its levels and filters want it; outside of the engine's lock.

    Once: what was handled already is nothing any more. Only the last words of a dead worker come under the lock.
    """
    body, news.body = news.body, b""
    if not body:
        return
    import logging

    from procession.wire import records

    for record in records.unpack(body):
        logger = logging.getLogger(record.name)
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)


def print_here(texts: tuple[str, str]) -> None:
    """Print what was captured and is in no `Outcome`."""
    for stream, text in zip((sys.stdout, sys.stderr), texts, strict=True):
        if text and stream is not None:
            stream.write(text)
            stream.flush()
