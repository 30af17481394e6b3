"""This process as a client of one manager: its lines, its lifeline, and what it no longer refers to.

Knows: how a connection to a manager's server is opened, and what is said on a lifeline.
Must not know: proxies.

How it works: each thread has a line. One more connection, the lifeline, is there as long as the process: the server
takes its end for the end of the process, and without a goodbye for a violent one. Nobody waits for an answer on it, so
it can be written to from a finalizer, which runs in any thread at any moment. A forked child is another client.

A server of the standard library's knows no lifelines: it is told of each reference by a connection of its own.
"""

from __future__ import annotations

import itertools
import multiprocessing.managers as standard
import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import process, util
from multiprocessing.context import AuthenticationError
from typing import Any

from procession.model.errors import ManagerGone
from procession.served import line as lines
from procession.served.nested import PLAIN

LIMIT = 5.0  # seconds that a process waits, at its end, for a server that does not answer
_keys = itertools.count()
_stations: dict[Any, Station] = {}


class Station:
    """A process's connections to a manager.

    Args:
        address: Where its server listens.
        authkey: The key to it.
        serializer: "pickle" or "xmlrpclib".
    """

    def __init__(self, address: Any, authkey: bytes, serializer: str) -> None:
        self.address = address
        self._authkey = authkey
        self._serializer = serializer
        self._client = standard.listener_client[serializer][1]  # type: ignore[attr-defined]
        self._references: dict[int, str] = {}  # the object of each proxy
        self.server: int | None = None  # its process
        self.closed = False  # the manager was shut down by this process
        self._theirs = False  # the server is the standard library's
        self._begin()
        util.register_after_fork(self, Station.take_over)

    def _begin(self) -> None:
        self.identity = os.urandom(8).hex()
        self.local = threading.local()
        self._lifeline: Any = None
        self._telling = threading.Lock()
        self._untold: deque[tuple[str, Any]] = deque()

    # Opening.

    def _open(self, service: str, *args: Any) -> tuple[Any, Any]:
        """Open a line; return it and what the server says."""
        with lines.making:
            connection = self._client(self.address, authkey=self._authkey)
            try:
                answer = standard.dispatch(connection, None, service, args)  # type: ignore[attr-defined]
            except BaseException:
                connection.close()
                raise
            line: Any = lines.Line(connection, PLAIN) if self._serializer == "pickle" else lines.OtherLine(connection)
            lines.keep_from_children(line)
        return line, answer

    def _meet(self) -> None:
        with lines.making:
            if self._lifeline is None and not self._theirs:
                name = process.current_process().name
                references = list(self._references.values())
                try:
                    self._lifeline, (self.server, _) = self._open("meet", self.identity, name, references)
                except standard.RemoteError as error:
                    if "'meet' unrecognized" not in str(error):
                        raise
                    self._theirs = True
                    return
                # After what users have for exit, before the manager's own end. A forked child forgets its parent's.
                util.Finalize(None, _say_goodbye, (self, self.identity), exitpriority=5)

    def _line(self) -> Any:
        """Open a line for this thread."""
        with self._explained():
            self._meet()
            if not hasattr(self.local, "key"):
                self.local.key = next(_keys)
            name = process.current_process().name
            if threading.current_thread() is not threading.main_thread():
                name += "|" + threading.current_thread().name
            if self._theirs:
                return self._open("accept_connection", name)[0]
            return self._open("serve", self.identity, self.local.key, name)[0]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except AuthenticationError:
            raise
        except (OSError, EOFError) as error:
            reason = str(error) or type(error).__name__
            raise ManagerGone(pid=self.server, address=self.address, reason=reason) from error

    # Asking.

    def ask(self, question: tuple[Any, ...], kind: Any = None) -> tuple[Any, Any, Any]:
        """Send a question and wait for the answer; return its two parts, and what else loads a part of it.

        Raises:
            ManagerGone: The manager's process has ended.
        """
        local = self.local
        try:
            line: Any = local.line
        except AttributeError:
            line = local.line = self._line()
        if line.busy:  # a signal's handler, or a finalizer, while this thread waits for an answer
            line = self._line()
        frame = line.dumps(question, kind)
        try:
            line.busy = True
            line.send_frame(frame)
            data = line.receive()
        except BaseException as error:
            self._give_up(line)
            if isinstance(error, (OSError, EOFError)):
                with self._explained():
                    raise
            raise
        line.busy = False
        kind, result = line.loads(data)
        return kind, result, line.loads

    def _give_up(self, line: Any) -> None:
        """An answer will not be read: the server must not wait for it, nor give anything away by it."""
        if getattr(self.local, "line", None) is line:
            del self.local.line
        line.close()
        self._tell("cancel", self.local.key)

    def is_cut(self) -> bool:
        """True where the server that this process has met is gone."""
        return self._lifeline is not None and self._lifeline.is_cut()

    def service(self, name: str, /, *args: Any, **kwds: Any) -> Any:
        """Ask the server itself, not one of its objects.

        Raises:
            ManagerGone: The manager's process has ended.
        """
        with self._explained():
            self._meet()
            if self._theirs:
                return self._once(name, *args, **kwds)
        kind, result, _ = self.ask((None, name, args, kwds))
        if kind == "#RETURN":
            return result
        try:
            raise standard.convert_to_error(kind, result)  # type: ignore[attr-defined]
        finally:
            del result  # no cycle of the error and this frame

    def _once(self, name: str, /, *args: Any, **kwds: Any) -> Any:
        """Ask on a connection of its own."""
        with self._client(self.address, authkey=self._authkey) as connection:
            return standard.dispatch(connection, None, name, args, kwds)  # type: ignore[attr-defined]

    # References.

    def refer(self, ident: str) -> int:
        """There is a proxy more of an object; return its number."""
        self.service("incref", ident)
        number = next(_keys)
        self._references[number] = ident
        return number

    def forget(self, number: int, travelled: list[bool]) -> None:
        """There is one less. May be called at any moment.

        Args:
            travelled: Not empty: it was pickled.
        """
        ident = self._references.pop(number, None)
        if ident is not None and self._theirs:
            with suppress(OSError, EOFError, standard.RemoteError):  # the manager is gone, and all with it
                self._once("decref", ident)
            if not self._references and (line := vars(self.local).pop("line", None)) is not None:
                line.close()
        elif ident is not None and self._lifeline is not None:
            self._tell("forget", [(ident, bool(travelled))])

    def _tell(self, kind: str, what: Any) -> None:
        self._untold.append((kind, what))
        while self._untold and self._lifeline is not None and self._telling.acquire(blocking=False):
            try:
                self._lifeline.send(self._untold.popleft())
            except (OSError, IndexError):  # the manager is gone; or a finalizer has told it meanwhile
                pass
            finally:
                self._telling.release()

    def settle(self, last: str = "sync") -> None:
        """Return when the server has heard all that was told."""
        if self._lifeline is None:
            return
        with self._telling:
            try:
                self._lifeline.limit(LIMIT)
                while self._untold:
                    self._lifeline.send(self._untold.popleft())
                self._lifeline.send((last, None))
                self._lifeline.recv()
            except (OSError, EOFError, IndexError):
                pass

    # Ends.

    def take_over(self) -> None:
        """In a forked child: refer to what the proxies that came along refer to."""
        if self._references and not self.closed:
            try:
                self._meet()
                for each in self._references.values() if self._theirs else ():
                    self._once("incref", each)
            except Exception as error:  # it may be a manager that has been shut down
                util.info("cannot reach the manager: %s", error)

    def leave(self) -> None:
        """This process is no client any more; who asks again is another one."""
        lifeline = self._lifeline
        self._begin()
        if lifeline is not None:
            lifeline.close()


def _say_goodbye(here: Station, identity: str) -> None:
    if here.identity == identity:
        here.settle("goodbye")
        here.leave()


def station(address: Any, authkey: bytes, serializer: str) -> Station:
    """This process's station for a manager."""
    with lines.making:
        found = _stations.get(address)
        if found is None or found.is_cut():
            found = _stations[address] = Station(address, authkey, serializer)
        return found


def leave(address: Any) -> None:
    """A manager is being shut down by this process: what was told must be heard before, and nothing is told after."""
    found = _stations.get(address)
    if found is not None:
        found.settle("goodbye")
        found.closed = True
        found.leave()
        with lines.making:
            _stations.pop(address, None)


def _in_child() -> None:
    for each in _stations.values():
        each._begin()


os.register_at_fork(after_in_child=_in_child)
