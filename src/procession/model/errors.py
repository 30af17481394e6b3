"""Every error that procession raises by itself.

Knows: the facts of each error, kept as attributes; the text is built from them.
Must not know: heavy classes of the standard library. A face that owes such a mix makes it there.
"""

from __future__ import annotations

import signal

from procession.model.light import Any


def shorten_text(text: str, limit: int = 80) -> str:
    """Cut a text at `limit` characters."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def shorten(value: object, limit: int = 80) -> str:
    """Give the `repr` of a value, cut at `limit` characters, even where `repr` itself raises.

    Of a long text or container only the begin is looked at: the `repr` of an item of 100 MB takes a second.
    """
    try:
        text = _begin(value, limit, 4)
    except BaseException as error:
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return shorten_text(text, limit)


_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    dict: ("{", "}"),
}


def _begin(value: object, limit: int, depth: int) -> str:
    """Give the `repr` of a value, or so much of its begin that it has more than `limit` characters."""
    kind = type(value)
    if kind in (str, bytes, bytearray):
        return repr(value[: limit + 1])  # type: ignore[index]
    if kind not in _BRACKETS or not depth or not value:
        return repr(value)
    opening, closing = _BRACKETS[kind]
    parts: list[str] = []
    left = limit
    for each in value:  # type: ignore[attr-defined]
        if left < 0:
            break
        part = _begin(each, limit, depth - 1)
        if kind is dict:
            part += ": " + _begin(value[each], limit, depth - 1)  # type: ignore[index]
        parts.append(part)
        left -= len(part) + 2
    if kind is tuple and len(parts) == 1:
        closing = ",)"
    return f"{opening}{', '.join(parts)}{closing}"


def describe_item(index: int | None, item: str | None) -> str:
    """Name an item in a message: its number and its shortened `repr`."""
    if index is None:
        return f"the call {item}" if item else "a call"
    return f"item {index} ({item})" if item else f"item {index}"


def describe_exit(exitcode: int | None) -> str:
    """Say how a process ended: `was killed by SIGKILL(-9)` or `exited with EXIT(1)`."""
    if exitcode is None:
        return "was lost"
    if exitcode >= 0:
        return f"exited with EXIT({exitcode})"
    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = "signal"
    return f"was killed by {name}({exitcode})"


def add_note(error: BaseException, note: str) -> None:
    """Write a note into an error, once."""
    try:
        notes = getattr(error, "__notes__", None)
        if notes is None or note not in notes:
            error.add_note(note)
    except Exception:
        return  # a class that refuses attributes, or gives this one another meaning, keeps its text


class ProcessionError(Exception):
    """The base of every error that is procession's own.

    A subclass lists its facts in `facts`; they are keyword arguments, attributes, and what travels in a pickle.
    """

    facts: tuple[str, ...] = ()

    def __init__(self, **facts: Any) -> None:
        unknown = set(facts) - set(self.facts)
        if unknown:
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        for name in self.facts:
            setattr(self, name, facts.get(name))
        super().__init__(self.text())

    def text(self) -> str:
        """Build the message from the facts."""
        return type(self).__name__

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {name: getattr(self, name) for name in self.facts}
        state = {name: value for name, value in self.__dict__.items() if name not in facts}
        return _rebuild, (type(self), facts), state or None


def _rebuild(kind: type[ProcessionError], facts: dict[str, Any]) -> ProcessionError:
    return kind(**facts)


class WorkerDied(ProcessionError):
    """The worker died while it ran this item; no other item is affected.

    Args:
        index: The item's number, or None for a single call.
        item: The item's `repr`, cut.
        pid: The worker's process id.
        exitcode: As `Process.exitcode`: negative for a signal; None if it is not known.
        hint: What may have caused it, or what to do.
        oom: True if the kernel's out-of-memory killer ended it, False if that did not, None if nobody can say.
    """

    facts = ("index", "item", "pid", "exitcode", "hint", "oom")
    index: int | None
    item: str | None
    pid: int
    exitcode: int | None
    hint: str | None
    oom: bool | None

    def text(self) -> str:
        end = f"; {self.hint}" if self.hint else ""
        return f"{describe_item(self.index, self.item)}: worker {self.pid} {describe_exit(self.exitcode)}{end}"


class MemoryLimitExceeded(ProcessionError, MemoryError):
    """The item took more memory than `max_rss_hard=` allows: it was ended, and its worker with it.

    Args:
        index: The item's number, or None for a single call.
        item: The item's `repr`, cut.
        pid: The worker's process id.
        rss: Bytes that the worker and what it had started held, when they were last looked at.
        limit: Bytes that they may hold.
    """

    facts = ("index", "item", "pid", "rss", "limit")
    index: int | None
    item: str | None
    pid: int
    rss: int
    limit: int

    def text(self) -> str:
        held, limit = self.rss / 1e6, self.limit / 1e6
        begin = (
            f"{describe_item(self.index, self.item)}: worker {self.pid} was killed: it held {held:,.0f} MB of memory"
        )
        return f"{begin}, and max_rss_hard= allows {limit:,.0f} MB; raise it, or make the item smaller"


class RemoteError(ProcessionError):
    """An exception of a worker that cannot be rebuilt on this side.

    Args:
        type_name: The qualified name of its class.
        message: Its text.
        traceback: Its traceback as text.
        reason: Why it could not be rebuilt.
        cause: The original, where it exists on this side but must not be raised bare (StopIteration, ...).
    """

    facts = ("type_name", "message", "traceback", "reason", "cause")
    type_name: str
    message: str
    traceback: str
    reason: str | None
    cause: BaseException | None

    def text(self) -> str:
        end = f" ({self.reason})" if self.reason else ""
        return f"{self.type_name}: {self.message}{end}"


class MaybeEncodingError(Exception):
    """A task's result could not be pickled.

    Args:
        exc: What pickling it raised, as text.
        value: The result, as text.

    Source: the class of this name in multiprocessing.pool; both arguments are texts there too.
    """

    def __init__(self, exc: str, value: str) -> None:
        super().__init__(exc, value)
        self.exc = exc
        self.value = value

    def __str__(self) -> str:
        return f"the result {shorten_text(self.value)} cannot be sent: {self.exc}; return plain data instead"


class TaskExit(ProcessionError):
    """The task called `sys.exit`; the worker went on.

    Args:
        code: The argument of `sys.exit`.
    """

    facts = ("code",)
    code: Any

    def text(self) -> str:
        return f"the task called sys.exit({shorten(self.code)})"


class InputNotPicklable(ProcessionError):
    """A function or a global that it uses cannot be sent to a worker.

    Args:
        name: What cannot be pickled.
        user: The function that uses it.
        reason: Why not.
    """

    facts = ("name", "user", "reason")
    name: str
    user: str
    reason: str

    def text(self) -> str:
        return (
            f"global {self.name!r}, used by {self.user}, cannot be sent to a worker: {self.reason}; "
            'make it inside the function or in an initializer, or use context="fork"'
        )


class PoolTerminated(ProcessionError):
    """The pool was terminated before this call had ended.

    Args:
        reason: Who or what ended it.
    """

    facts = ("reason",)
    reason: str | None

    def text(self) -> str:
        return f"the pool was terminated before this call had ended{': ' + self.reason if self.reason else ''}"


class StartFailed(ProcessionError):
    """A worker could not be started.

    Args:
        reason: What the system said.
        hint: What to do.
    """

    facts = ("reason", "hint")
    reason: str
    hint: str | None

    def text(self) -> str:
        return f"a worker could not be started: {self.reason}{'; ' + self.hint if self.hint else ''}"


class SharedMemoryGone(ProcessionError):
    """Shared memory was let go of by the process that had named it, before this one had opened it.

    Args:
        pid: That process.
        size: Bytes of the memory.
        reason: What the system said.
    """

    facts = ("pid", "size", "reason")
    pid: int
    size: int
    reason: str

    def text(self) -> str:
        return (
            f"shared memory of {self.size} bytes is gone from process {self.pid} ({self.reason}); "
            "keep the handle or the array there until the others have it"
        )


class ManagerGone(ProcessionError, ConnectionError, EOFError):
    """A manager's process has ended, and with it what it held.

    Args:
        pid: That process, as far as it is known.
        address: Where it listened.
        reason: What the system said.
    """

    facts = ("pid", "address", "reason")
    pid: int | None
    address: Any
    reason: str

    def text(self) -> str:
        return (
            f"the manager's process{f' {self.pid}' if self.pid else ''} at {shorten(self.address)} has ended "
            f"({self.reason}), and what it held is gone; keep the manager until all have done with it"
        )

    __str__ = text  # that of OSError knows nothing of it


class InternalError(ProcessionError):
    """A fault of procession itself.

    Args:
        message: What happened.
        events: The scheduler's last events, oldest first.
    """

    facts = ("message", "events")
    message: str
    events: tuple[str, ...] | None

    def text(self) -> str:
        tail = "\nlast events:\n  " + "\n  ".join(self.events) if self.events else ""
        return f"{self.message}; this is a fault of procession: please report it{tail}"
