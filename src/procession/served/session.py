"""The thread of a manager's server that serves one thread of a client: question by question.

Knows: the messages, how a method is found, what takes one trip where the standard library takes many.
Must not know: who refers to which object.
"""

from __future__ import annotations

import multiprocessing.managers as standard
import queue
from collections.abc import Callable
from functools import partial
from traceback import format_exc
from typing import Any

from procession.served import nested
from procession.served.awaited import put_back
from procession.served.line import Line
from procession.served.waiters import ClientGone, Owner

Reply = tuple[str, Any]
TAKING = ("get", "get_nowait")  # of a queue: what nobody has read is put back
# What a client asks of the server itself.
SERVICES = ("create", "incref", "decref", "incref_many", "get_methods", "number_of_objects", "debug_info", "dummy")
_missing: Any = object()


class Session:
    """A thread of a client, its line, and the server.

    Args:
        server: A `Server`.
    """

    def __init__(self, server: Any, owner: Owner, line: Any) -> None:
        self.server = server
        self.owner = owner
        self._line = line
        self._managed = isinstance(line, Line)  # inner containers need our pickler

    def run(self) -> None:
        """Answer until the client's thread closes the line.

        Raises:
            EOFError: It has.
            OSError: It has, and has not read the last answer: what that gave away is taken back.
            ClientGone: It has ended in the midst of a call.
        """
        server, owner, line = self.server, self.owner, self._line
        stopped = server.stop_event.is_set
        undo: Callable[[], None] | None = None
        while not stopped():
            try:
                data = line.receive()
                owner.undo = undo = None
                frame = self._answer(data)
                undo = owner.undo
                line.send_frame(frame)
            except OSError:
                if undo is not None:
                    undo()
                raise
            del frame  # what was taken out may go now
            if server.forgotten:
                server.settle()

    def _answer(self, data: Any) -> Any:
        """Do what is asked; return the frame of the answer."""
        try:
            kind, result = self._reply(*self._line.loads(data))
            if kind == "#NESTED":
                return self._nested(result)
        except ClientGone:
            raise
        except Exception:
            kind, result = "#TRACEBACK", format_exc()
        try:
            return self._line.dumps((kind, result))
        except Exception:
            return self._line.dumps(("#UNSERIALIZABLE", format_exc()))

    def _nested(self, result: Any) -> Any:
        """An answer with containers in it, by which they can be changed."""
        try:
            data = self._line.dumps(result, nested.MANAGED)
        except RecursionError:  # they hold each other: only the plain way can do that
            return self._line.dumps(("#RETURN", result))
        return self._line.dumps(("#NESTED", bytes(data[4:])))

    def _reply(self, ident: str | None, method: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> Reply:
        server = self.server
        if ident is None:
            if method not in SERVICES:
                raise AttributeError(f"the manager's server has no service {method!r}")
            return "#RETURN", getattr(server, method)(self, *args, **kwds)
        entry = server.id_to_obj.get(ident) or server.id_to_local_proxy_obj.get(ident)
        if entry is None:
            return "#TRACEBACK", f"the manager has no object {ident} any more: nothing refers to it\n"
        made, exposed, typeids = entry
        function = getattr(made, method, None) if method in exposed else None
        if function is None:
            return self._fall_back(ident, made, method, args, kwds)
        if type(made) in nested.ROOTS:
            args, kwds = nested.arguments(method, args, kwds)
        try:
            result = function(*args, **kwds)
        except ClientGone:
            raise
        except Exception as error:
            return "#ERROR", error
        if typeids and (typeid := typeids.get(method)):
            token = standard.Token(typeid, server.address, None)
            token.id, exposed = server.create(self, typeid, result)
            return "#PROXY", (exposed, token)
        if method in TAKING and isinstance(made, queue.Queue):
            self.owner.undo = partial(put_back, made, result)
        if result is made and method.startswith("__i"):  # an operator in place: nobody wants a copy
            return "#RETURN", None
        return self._given(result)

    def _given(self, result: Any) -> Reply:
        kind = type(result)
        if kind in nested.CONTAINERS or (kind is tuple and nested.holds_containers(result)):
            return ("#NESTED" if self._managed else "#RETURN"), result
        return "#RETURN", result

    def _fall_back(self, ident: str, made: Any, method: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> Reply:
        """Methods that the object itself has not, or shows to nobody."""
        function = BESIDE.get(method)
        if function is not None:
            try:
                result = function(made, *args, **kwds)
            except Exception as error:
                return "#ERROR", error
            return ("#NESTED" if self._managed and nested.holds_containers(result) else "#RETURN"), result
        known = self.server.fallback_mapping.get(method)
        if known is None:
            exposed = self.server.id_to_obj[ident][1]
            raise AttributeError(f"method {method!r} of {type(made)!r} object is not in exposed={exposed!r}")
        result = known(self.server, self, ident, made, *args, **kwds)
        return "#RETURN", result.copy() if method == "#GETVALUE" and type(made) in nested.ROOTS else result


# What takes one trip.


def _get_many(made: Any, keys: list[Any], default: Any = None) -> list[Any]:
    return [made.get(key, default) for key in keys]


def _pop_many(made: Any, keys: list[Any], default: Any = None) -> list[Any]:
    return [made.pop(key, default) for key in keys]


def _restore(made: Any, method: str, key: Any, value: Any, serial: str) -> None:
    """Store an inner container, unless it lies there already."""
    container = nested.find(serial)
    if container is None or container is not _there(made, method, key):
        args = (value,) if key is None else (key, value)
        getattr(made, method)(*map(nested.adopt, args))


def _there(made: Any, method: str, key: Any) -> Any:
    if method == "__setattr__":
        return getattr(made, key, None)
    if method == "set":
        return made.get()
    try:
        return made[key]
    except LookupError:
        return None


BESIDE: dict[str, Callable[..., Any]] = {
    "#snapshot": list,
    "#values": lambda made: list(made.values()),
    "#items": lambda made: list(made.items()),
    "#reversed": lambda made: list(reversed(made)),
    "#elements": lambda made: list(made.elements()),
    "#factory": lambda made: made.default_factory,
    "#maxlen": lambda made: made.maxlen,
    "#restore": _restore,
    "#change": lambda made, *change: nested.change(*change),
    "get_many": _get_many,
    "pop_many": _pop_many,
}
