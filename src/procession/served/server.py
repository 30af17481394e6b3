"""A manager's server: it holds objects and does to them what proxies ask for.

Knows: the standard library's server, whose protocol it speaks; which client has which reference.
Must not know: how proxies work, pools.

How it works: each thread of a client has a line and a thread here, so one that waits holds up nobody. Beside them each
client process has a *lifeline*, on which it tells what it no longer refers to, and says goodbye. Where the lifeline
ends without a goodbye the process was killed. A client of the standard library has neither, and is served as there.
"""

from __future__ import annotations

import multiprocessing.managers as standard
import os
import threading
import weakref
from collections import Counter, deque
from time import monotonic
from typing import Any

from procession.served import nested
from procession.served.awaited import Condition
from procession.served.line import Line, OtherLine
from procession.served.session import Session
from procession.served.waiters import Client, ClientGone, working_for

LINGER = 60.0  # seconds that an object stays after the last reference where a proxy was pickled: it may be on its way


class Server(standard.Server):
    """What runs in a manager's process.

    Source: multiprocessing.managers.Server.
    """

    # As there.
    id_to_refcount: dict[str, int]
    listener: Any
    registry: Any
    public = [*standard.Server.public, "meet", "serve"]

    def __init__(self, registry: Any, address: Any, authkey: bytes, serializer: str) -> None:
        super().__init__(registry, address, authkey, serializer)
        self.serializer = serializer
        self.mutex: Any = threading.RLock()  # the death of an object may be that of a proxy, at any moment
        self._clients: dict[str, Client] = {}
        self._idents: dict[int, str] = {}  # by the object's id; idents are never used again
        self._made = 0
        self._lingering: dict[str, float] = {}  # until when
        self._timer: threading.Timer | None = None
        self._own: Counter[str] = Counter()  # references by proxies that lie in an object here
        self.forgotten: deque[str] = deque()

    # Connections.

    def _line(self, connection: Any) -> Any:
        if self.serializer == "pickle":
            return Line(connection, nested.PLAIN)
        return OtherLine(connection)

    def meet(self, c: Any, identity: str, name: str, references: list[str]) -> None:
        """Begin with a client process; its lifeline is this connection.

        Args:
            references: What it has proxies of already: a forked child's are its parent's.
        """
        client = self._clients[identity] = Client(name)
        for ident in references:
            if ident in self.id_to_refcount:
                self._refer(client, ident)
        c.send(("#RETURN", (os.getpid(), LINGER)))
        lifeline, ended_well = self._line(c), False
        try:
            while not ended_well:
                ended_well = self._hear(client, lifeline)
        except (EOFError, OSError):
            pass
        finally:
            self._end(identity, ended_well)
            if ended_well:
                lifeline.send(("#RETURN", None))
            lifeline.close()

    def _hear(self, client: Client, lifeline: Any) -> bool:
        """Do what is said on a lifeline; True: goodbye."""
        kind, what = lifeline.recv()
        if kind == "forget":
            for ident, travelled in what:
                self._forget(client, ident, travelled)
        elif kind == "cancel":
            client.owner(what).cancel_cut()
        elif kind == "sync":
            lifeline.send(("#RETURN", None))
        return bool(kind == "goodbye")

    def _end(self, identity: str, ended_well: bool) -> None:
        client = self._clients.pop(identity)
        client.end(ended_well)
        with self.mutex:
            references, client.references = client.references, type(client.references)()
        for ident, count in references.items():
            for _ in range(count):
                self._forget(None, ident, True)

    def serve(self, c: Any, identity: str, key: Any, name: str) -> None:
        """Serve a thread of a client."""
        threading.current_thread().name = name
        owner = self._clients[identity].owner(key)
        c.send(("#RETURN", None))
        line = self._line(c)
        try:
            with working_for(owner, line.is_cut):
                Session(self, owner, line).run()
        except (EOFError, OSError, ClientGone):
            pass
        finally:
            line.close()

    # Objects.

    def create(self, c: Any, typeid: str, /, *args: Any, **kwds: Any) -> tuple[str, tuple[str, ...]]:
        """Make an object for a client, or take one that is there already."""
        function, exposed, method_to_typeid, _ = self.registry[typeid]
        if function in nested.MAKERS:
            args, kwds = nested.arguments(nested.MAKERS[function], args, kwds)
        if function is Condition:  # it may be one of a lock that is here
            args, kwds = tuple(map(self._behind, args)), {name: self._behind(kwds[name]) for name in kwds}
        if function is None:
            if kwds or len(args) != 1:
                raise ValueError("Without callable, must have one non-keyword argument")
            made = args[0]
        else:
            made = function(*args, **kwds)
        if exposed is None:
            exposed = standard.public_methods(made)  # type: ignore[attr-defined]
        if method_to_typeid is not None:
            if not isinstance(method_to_typeid, dict):
                raise TypeError(f"method_to_typeid {method_to_typeid!r}: must be a dict")
            exposed = [*exposed, *method_to_typeid]
        with self.mutex:
            ident = self._idents.get(id(made))
            if ident is None:
                self._made += 1
                ident = self._idents[id(made)] = f"{id(made):x}.{self._made}"
                self.id_to_refcount[ident] = 0
            self.id_to_obj[ident] = made, set(exposed), method_to_typeid
            self.incref(c, ident)
        return ident, tuple(exposed)

    def _behind(self, value: Any) -> Any:
        """The object of a proxy that was rebuilt here; anything else as it is."""
        if getattr(value, "_owned_by_manager", False):
            return self.id_to_obj[value._id][0]
        return value

    def incref(self, c: Any, ident: str) -> None:
        """One reference more."""
        self._refer(c.owner.client if isinstance(c, Session) else None, ident)

    def incref_many(self, c: Session, idents: list[str]) -> None:
        """One reference more to each of many, as far as they are there."""
        for ident in idents:
            if ident in self.id_to_refcount:
                self._refer(c.owner.client, ident)

    def _refer(self, client: Client | None, ident: str) -> None:
        with self.mutex:
            if client is not None and client.gone:
                raise ClientGone
            if ident not in self.id_to_refcount:
                raise standard.RemoteError(
                    f"the manager has no object {ident} any more: nothing has referred to it for {LINGER:g} seconds\n"
                )
            self._lingering.pop(ident, None)
            self.id_to_refcount[ident] += 1
            if client is not None:
                client.references[ident] += 1

    def decref(self, c: Any, ident: str) -> None:
        """One reference less."""
        self._forget(c.owner.client if isinstance(c, Session) else None, ident, True)

    def _forget(self, client: Client | None, ident: str, travelled: bool) -> None:
        """One reference less.

        Args:
            travelled: A proxy was pickled, so another may be on its way.
        """
        with self.mutex:
            if ident not in self.id_to_refcount:
                return
            if client is not None:
                client.references[ident] -= 1
            self.id_to_refcount[ident] -= 1
            if self.id_to_refcount[ident] > 0:
                return
            if travelled:
                self._lingering[ident] = monotonic() + LINGER
                self._watch(LINGER)
                return
        self._dispose(ident)

    def _dispose(self, ident: str) -> None:
        with self.mutex:
            del self.id_to_refcount[ident]
            self._own.pop(ident, None)
            entry = self.id_to_obj.pop(ident)
            self._idents.pop(id(entry[0]), None)
        del entry  # outside: it may take long, and take other objects along

    def _watch(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = threading.Timer(seconds, self._purge)
            self._timer.daemon = True
            self._timer.start()

    def _purge(self) -> None:
        """Dispose of what has lingered long enough."""
        now = monotonic()
        with self.mutex:
            self._timer = None
            late = [ident for ident, until in self._lingering.items() if until <= now]
            for ident in late:
                del self._lingering[ident]
            if self._lingering:
                self._watch(min(self._lingering.values()) - now)
        for ident in late:
            self._dispose(ident)

    def number_of_objects(self, c: Any) -> int:
        """How many objects some client refers to."""
        self.settle()
        with self.mutex:
            return sum(count > self._own[ident] for ident, count in self.id_to_refcount.items())

    def debug_info(self, c: Any) -> str:
        """Say what they are."""
        self.settle()
        with self.mutex:
            return "\n".join(
                f"  {ident}:       refcount={count}\n    {str(self.id_to_obj[ident][0])[:75]}"
                for ident, count in sorted(self.id_to_refcount.items())
                if count
            )

    # Proxies that lie in an object here.

    def own(self, proxy: Any, ident: str) -> None:
        """A proxy was rebuilt here: it refers to its object as a client's does."""
        with self.mutex:
            self._refer(None, ident)
            self._own[ident] += 1
        weakref.finalize(proxy, self.forgotten.append, ident).atexit = False

    def settle(self) -> None:
        """Do what the deaths of such proxies have left to do. They die at any moment, so it cannot be done there."""
        while self.forgotten:
            ident = self.forgotten.popleft()
            with self.mutex:
                self._own[ident] -= 1
                self._forget(None, ident, True)
