"""An exception arrives as itself, or as `RemoteError`.

Knows: how an exception and its traceback become bytes, and how they are rebuilt.
Must not know: who raises it in the end.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterable

from procession.model.errors import MaybeEncodingError, RemoteError, TaskExit
from procession.model.light import Any

# kind, pickled exception (or None), type name, message, traceback, pickled exit code (or None)
Encoded = tuple[str, bytes | None, str, str, str, bytes | None]

RAISED = "raised"
EXITED = "exited"  # sys.exit
ODD = "odd"  # must not be raised bare on the other side
UNSENDABLE = "unsendable"  # the result, not the task, is at fault
LONGEST_TEXT = 200_000  # characters of a message or a traceback; the exception itself travels whole


class RemoteTraceback(Exception):
    """The cause of an exception that was raised in a worker: the traceback there, as text.

    Args:
        tb: The text.

    Source: concurrent.futures.process and multiprocessing.pool have a class of this name, printed the same way.
    """

    original: BaseException | None = None  # what the task raised, where another error stands for it here

    def __init__(self, tb: str) -> None:
        super().__init__(tb)
        self.tb = tb

    def __str__(self) -> str:
        return f'\n"""\n{self.tb}"""'


def _text(make: Any, what: str) -> str:
    """Call `make`; users' `__str__` and `__repr__` may raise anything, or return a class of their own."""
    try:
        return _cut("".join((str(make()),)))
    except BaseException as error:
        return f"<{what} raised {type(error).__name__}>"


def _cut(text: str) -> str:
    """Leave out the middle of a text that nobody will read to its end."""
    if len(text) <= LONGEST_TEXT:
        return text
    half = LONGEST_TEXT // 2
    return f"{text[:half]}... {len(text) - 2 * half} characters are left out here ...{text[-half:]}"


def _dump(value: object) -> bytes | None:
    try:
        return pickle.dumps(value, 5)
    except BaseException:  # a user's __reduce__ may raise anything; the text still travels
        return None


def _traceback_text(error: BaseException, ours: str) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith(ours):
        trace = trace.tb_next
    try:
        import traceback

        return _cut("".join(traceback.format_exception(type(error), error, trace)))
    except BaseException as failure:  # a __str__ that raises SystemExit, or a task that left nothing to import
        return f"{type(error).__qualname__} (its traceback cannot be printed: {type(failure).__name__})\n"


def encode(error: BaseException, ours: str = "procession.worker.") -> Encoded:
    """Make a sendable record of an exception; never raises.

    Args:
        error: What the task raised.
        ours: How the names of the modules begin whose frames are left out at the top of its traceback.
    """
    kind = RAISED
    code = None
    if isinstance(error, SystemExit):
        kind, code = EXITED, _dump(error.code)
    elif not isinstance(error, Exception) or isinstance(error, StopIteration):
        kind = ODD
    name = _text(lambda: f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."), "its name")
    message = _text(lambda: error, "its __str__")
    return kind, _dump(error), name, message, _traceback_text(error, ours), code


def as_it_arrives(error: BaseException, ours: str) -> BaseException:
    """Give what `decode` would make of an error, without a copy: the object itself, where it may be raised bare.

    Args:
        error: What a task raised in this process.
        ours: As for `encode`.
    """
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    _, _, name, message, trace, _ = encode(error, ours)
    stands: BaseException
    if isinstance(error, SystemExit):
        stands = TaskExit(code=error.code)
    else:
        stands = RemoteError(type_name=name, message=message, traceback=trace, cause=error)
    cause = stands.__cause__ = RemoteTraceback(trace)
    cause.original = error
    return stands


def encode_unsendable(error: BaseException, value: object) -> Encoded:
    """Make a record of a result that cannot be pickled: the reason, and the result as text."""
    reason, text = _text(lambda: repr(error), "its __repr__"), _text(lambda: repr(value), "its __repr__")
    return UNSENDABLE, _dump(error), reason, text, _traceback_text(error, "procession."), None


def _load(data: bytes | None) -> tuple[Any, str | None]:
    if data is None:
        return None, "it cannot be pickled"
    value, failed = rebuild(data)
    if failed is None:
        return value, None
    return None, f"it cannot be rebuilt here: {type(failed).__name__}: {_text(lambda: failed, '__str__')}"


def interrupts(error: BaseException) -> bool:
    """True for Ctrl-C, and for what a signal handler raised into whatever this thread was doing.

    That is the program's wish, wherever it strikes; what users' code raises by itself is a matter of its item.
    """
    if threading.current_thread() is not threading.main_thread():
        return False  # handlers run in that thread only
    return isinstance(error, KeyboardInterrupt) or _passed_a_handler(error)


def _passed_a_handler(error: BaseException) -> bool:
    import signal

    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    codes = {getattr(getattr(handler, "__func__", handler), "__code__", None) for handler in handlers}
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in codes:
            return True
        trace = trace.tb_next
    return False


def rebuild(data: bytes | memoryview, buffers: Iterable[memoryview] | None = None) -> tuple[Any, BaseException | None]:
    """Unpickle what a worker sent; give the value, or what rebuilding it raised.

    Args:
        buffers: Those that it sent beside the pickle.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed meanwhile.
    """
    try:
        return pickle.loads(data, buffers=buffers), None
    except KeyboardInterrupt as error:
        if threading.current_thread() is not threading.main_thread():
            return None, error
        try:
            pickle.loads(data, buffers=buffers)
        except BaseException as again:  # what the pickle itself raises, it raises again
            return None, again
        raise
    except BaseException as error:
        if interrupts(error):
            raise
        return None, error


def harmless(error: BaseException, reason: str) -> BaseException:
    """Give an error that can be raised in the caller's thread without ending more than the call."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        try:
            error.add_note(reason)
        except Exception:
            return error  # a class that refuses attributes keeps its text
        return error
    name, text = type(error).__name__, _text(lambda: error, "its __str__")
    return RemoteError(type_name=name, message=text, traceback="", reason=reason, cause=error)


def decode(record: Encoded) -> BaseException:
    """Rebuild what `encode` was given; `RemoteError` where that cannot be. The remote traceback is its `__cause__`."""
    kind, data, name, message, trace, code = record
    error: BaseException
    value, reason = _load(data)
    if kind == UNSENDABLE:
        error = MaybeEncodingError(name, message)
    elif kind == EXITED:
        error = TaskExit(code=_load(code)[0])
    elif kind == ODD or not isinstance(value, BaseException):
        error = RemoteError(type_name=name, message=message, traceback=trace, reason=reason, cause=value)
    else:
        error = value
    cause = RemoteTraceback(trace)
    if error is not value and isinstance(value, BaseException):
        cause.original = value
    try:
        error.__cause__ = cause
    except BaseException:  # a class that refuses attributes
        error = RemoteError(type_name=name, message=message, traceback=trace, reason="it takes no cause")
    return error


def itself(error: BaseException) -> BaseException:
    """Give the object that a task raised, or that pickling raised, where another error stands for it.

    It may end more than the call if it is raised bare, so that is for those who promised it.
    """
    cause = error.__cause__
    if cause is None and isinstance(error, RemoteError):  # made by `harmless`
        return error.cause or error
    original = cause.original if isinstance(cause, RemoteTraceback) else None
    if original is None or not isinstance(cause, RemoteTraceback):
        return error
    cause.original = None  # or they would hold each other
    try:
        original.__cause__ = cause
    except BaseException:  # a class that refuses attributes
        pass
    return original
