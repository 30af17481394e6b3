"""Log records as bytes, and the levels of loggers as plain values.

Knows: the body of the frame RECORDS; what of `logging` belongs to a process and must be told to another.
Must not know: handlers.

A record is formatted where it was logged: its arguments may not survive the way, and may have changed at its end.
What a user has added to it (`extra=`) travels if it can be pickled, else as a text.
"""

from __future__ import annotations

import io
import logging
import pickle
from collections.abc import Iterator

from procession.model.errors import shorten
from procession.model.light import Any, Record

PLAIN = (str, int, float, bool, bytes, type(None))
PROTOCOL = 5
PICKLED = "procession pickled"  # under this key: what is to be unpickled by itself
_texts = logging.Formatter()


def pack(record: logging.LogRecord, process: str) -> bytes:
    """Write one record.

    Args:
        record: The record.
        process: The name of this process, in case that `logging` does not know it.

    Raises:
        Exception: Its text cannot be made.
    """
    facts = dict(vars(record))
    facts["msg"], facts["args"] = record.getMessage(), None
    if record.exc_info and not record.exc_text:
        facts["exc_text"] = _texts.formatException(record.exc_info)
    facts["exc_info"] = None
    facts.pop("message", None)
    if facts.get("processName") == "MainProcess":  # `multiprocessing` is not loaded here
        facts["processName"] = process
    pickled: dict[str, bytes] = {}
    for name, value in list(facts.items()):
        if type(value) not in PLAIN:
            try:
                pickled[name] = pickle.dumps(value, PROTOCOL)
                del facts[name]
            except Exception:
                facts[name] = shorten(value)
    if pickled:
        facts[PICKLED] = pickled
    return pickle.dumps(facts, PROTOCOL)


def unpack(body: bytes | bytearray | memoryview) -> Iterator[logging.LogRecord]:
    """Read the records of a frame."""
    file = io.BytesIO(body)
    while file.tell() < len(body):
        facts = pickle.load(file)
        for name, data in facts.pop(PICKLED, {}).items():
            try:
                facts[name] = pickle.loads(data)
            except Exception as error:
                facts[name] = f"<not rebuilt: {type(error).__name__}>"
        yield logging.makeLogRecord(facts)


class Levels(Record):
    """What a process has chosen about its loggers.

    Args:
        explicit: Levels by the logger's name; "root" for the root logger.
        apart: Loggers with handlers of their own that do not propagate.
        disabled: Loggers that are switched off.
        manager: What `logging.disable` was told.
    """

    __slots__ = ("explicit", "apart", "disabled", "manager")

    def __init__(
        self, explicit: dict[str, int], apart: tuple[str, ...], disabled: tuple[str, ...], manager: int
    ) -> None:
        self.explicit = explicit
        self.apart = apart
        self.disabled = disabled
        self.manager = manager


def loggers() -> list[logging.Logger]:
    """Give all loggers of this process, the root first."""
    known: list[Any] = list(logging.root.manager.loggerDict.values())
    return [logging.root, *(each for each in known if isinstance(each, logging.Logger))]


def take_levels() -> Levels:
    """Note what this process has chosen."""
    all_loggers = loggers()
    return Levels(
        {each.name: each.level for each in all_loggers if each.level != logging.NOTSET},
        tuple(each.name for each in all_loggers[1:] if each.handlers and not each.propagate),
        tuple(each.name for each in all_loggers[1:] if each.disabled),
        logging.root.manager.disable,
    )


def put_on_levels(levels: Levels) -> None:
    """Choose the same here."""
    for name, level in levels.explicit.items():
        logging.getLogger(name).setLevel(level)
    for name in levels.apart:
        logging.getLogger(name).propagate = False
    for name in levels.disabled:
        logging.getLogger(name).disabled = True
    logging.root.manager.disable = levels.manager
