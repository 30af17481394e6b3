"""From an outcome to a row of the journal, and back.

Knows: the columns of an item, outcomes, errors as text.
Must not know: connections, transactions, the input.
"""

from __future__ import annotations

import json
from typing import Any
from zlib import crc32

from procession.model.errors import MaybeEncodingError, ProcessionError, RemoteError, shorten
from procession.model.outcome import Attempt, Outcome
from procession.runs import payloads, schema
from procession.runs.payloads import Folder

SELECTED = (
    "i.key, i.state, i.session, i.seconds, i.worker, i.attempts, i.name, i.error_type, i.error_message, "
    "i.error_traceback, i.history, i.item, i.result"
)
LONGEST_TEXT = 100_000  # characters of a message or a traceback
_SHORT_INT = 1 << 64  # of thousands of digits Python refuses to give the text

Row = tuple[Any, ...]


def row_of(number: int, key: bytes, session: int, outcome: Outcome[Any], folder: Folder) -> tuple[Row, int]:
    """Make the row of an item that has ended, and tell how many bytes its pickles have; what is large goes into files.

    Args:
        number: The item's.
        key: The item's.
        session: The present one.
        outcome: How it ended.
        folder: For files.

    Raises:
        OSError: A file cannot be written.
    """
    error = outcome.error
    state, data = schema.DONE, b""
    texts: tuple[str | None, ...] = _NO_TEXTS
    if error is None:
        try:
            data = payloads.dump(outcome.result)
        except Exception as failed:  # without processes nothing has pickled it before
            error = MaybeEncodingError(repr(failed), shorten(outcome.result))
    if error is not None:
        state, texts = schema.FAILED, texts_of(error)
        data = payloads.dump_or_none(error) or b""
    attempts = outcome.attempts
    history = _history(attempts) if len(attempts) > 1 else None
    last = attempts[-1] if attempts else _NO_ATTEMPT
    item = payloads.dump_or_none(outcome.item)
    weight = len(data) + len(item or b"")
    stem = f"{key.hex()}-{session}" if weight > payloads.INLINE else ""
    kept_item = None if item is None else folder.keep(item, stem + ".item")
    kept = folder.keep(data, stem + ".result")
    row = (
        number, key, state, session, last.seconds, last.worker, len(attempts), _short(outcome.item), *texts, history,
        checksum(key, kept_item, kept), kept_item, kept,
    )  # fmt: skip
    return row, weight


def checksum(key: bytes, *parts: bytes | str | None) -> int:
    """Give a number by which a row is seen to be whole.

    Args:
        key: The item's.
        parts: The item and the result as they stand in the row.
    """
    value = crc32(key)
    for part in parts:
        value = crc32(b"" if part is None else part.encode() if isinstance(part, str) else part, value)
    return value


def _short(item: Any) -> str:
    text = repr(item) if type(item) is int and abs(item) < _SHORT_INT else shorten(item)
    return text.encode("utf-8", "backslashreplace").decode()  # halves of surrogate pairs cannot be stored


def texts_of(error: BaseException) -> tuple[str, str, str]:
    """Give the type, message and traceback of an error, as a list shows them."""
    if isinstance(error, RemoteError) and error.type_name:
        return _clean(error.type_name), _clean(error.message or ""), _clean(error.traceback or "")
    kind = type(error)
    known = kind.__module__.partition(".")[0] in (
        "builtins",
        "procession",
    )  # names that need no module to be told apart
    name = kind.__qualname__ if known else f"{kind.__module__}.{kind.__qualname__}"
    trace = getattr(error.__cause__, "tb", None)  # of `RemoteTraceback`: where it was raised
    try:
        message = str(error)
    except BaseException as failed:  # a user's __str__ may raise anything
        message = f"<its __str__ raised {type(failed).__name__}>"
    if not isinstance(trace, str):
        import traceback

        trace = "".join(traceback.format_exception(error))
    return _clean(name), _clean(message), _clean(trace)


def _clean(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        half = LONGEST_TEXT // 2
        text = f"{text[:half]}... {len(text) - 2 * half} characters are left out here ...{text[-half:]}"
    return text.encode("utf-8", "backslashreplace").decode()


def _history(attempts: tuple[Attempt, ...]) -> str:
    told = []
    for each in attempts:
        texts = None if each.error is None else texts_of(each.error)
        told.append({"error": texts, "seconds": each.seconds, "worker": each.worker})
    return json.dumps(told)


def outcome_of(row: Row, place: int, folder: Folder) -> Outcome[Any]:
    """Make an outcome of a row again; this unpickles the item and its result.

    Args:
        row: As `SELECTED` says.
        place: The outcome's index.
        folder: For files.
    """
    _, state, _, seconds, worker, attempts, name, kind, message, trace, history, item, result = row
    value, error = value_of(result, state, (kind, message, trace), folder)
    if history is not None:
        tries = [*_attempts(history)]
        tries[-1] = Attempt(error, seconds, worker)
    else:
        tries = [Attempt(error, seconds, worker)] * min(attempts, 1)
    return Outcome(place, item_of(item, name, folder), value, error, tuple(tries))


def item_of(item: bytes | str | None, name: str, folder: Folder) -> Any:
    """Unpickle an item; where that cannot be, its name stands for it."""
    value, reason = _load(item, folder)
    return value if reason is None else name


def value_of(
    result: bytes | str, state: int, texts: tuple[str, str, str], folder: Folder
) -> tuple[Any, BaseException | None]:
    """Unpickle what an item ended with; `RemoteError` where that cannot be.

    Args:
        result: As it stands in the table.
        state: The item's.
        texts: The error's type, message and traceback.
        folder: For files.
    """
    value, reason = _load(result or None, folder)
    if state == schema.DONE:
        if reason is None:
            return value, None
        return None, RemoteError(type_name="result", message="it is in the journal", traceback="", reason=reason)
    kind, message, trace = texts
    if isinstance(value, BaseException):
        return None, value
    return None, RemoteError(type_name=kind, message=message, traceback=trace, reason=reason)


def _load(kept: bytes | str | None, folder: Folder) -> tuple[Any, str | None]:
    try:
        data = folder.read(kept)
    except OSError as error:
        return None, f"its file beside the journal cannot be read: {error.strerror}"
    return payloads.load(data)


def _attempts(history: str) -> list[Attempt]:
    made = []
    for each in json.loads(history):
        texts = each["error"]
        error = None
        if texts is not None:
            error = RemoteError(type_name=texts[0], message=texts[1], traceback=texts[2])
        made.append(Attempt(error, each["seconds"], each["worker"]))
    return made


def at_place(outcome: Outcome[Any], place: int) -> Outcome[Any]:
    """Give an outcome with its place in the whole input, in place of that among what was left to do."""
    if outcome.index == place:
        return outcome
    error = outcome.error
    if isinstance(error, ProcessionError) and "index" in error.facts:
        error = _moved(error, place)
    attempts = outcome.attempts
    if error is not outcome.error and attempts:
        last = attempts[-1]
        attempts = (*attempts[:-1], Attempt(error, last.seconds, last.worker))
    return Outcome(place, outcome.item, outcome.result, error, attempts, outcome.stdout, outcome.stderr)


def _moved(error: ProcessionError, place: int) -> ProcessionError:
    facts = {name: getattr(error, name) for name in error.facts}
    moved = type(error)(**{**facts, "index": place})
    moved.__cause__ = error.__cause__
    return moved


_NO_TEXTS = (None, None, None)
_NO_ATTEMPT = Attempt(None, None, None)
