"""Proxies of what a manager holds: the base, and those of locks, events, namespaces and values.

Knows: the interface of the standard library's proxies, which a user's own subclasses rely on.
Must not know: how a question gets to the server.
"""

from __future__ import annotations

import multiprocessing.managers as standard
import weakref
from collections.abc import Iterable
from multiprocessing import process
from multiprocessing.context import get_spawning_popen
from typing import Any, ClassVar

from procession.served import inner
from procession.served.station import Station, station


class BaseProxy(standard.BaseProxy):
    """Stands for an object in a manager's process.

    Source: multiprocessing.managers.BaseProxy.
    """

    _exposed_: ClassVar[tuple[str, ...]]
    _station: Station
    _token: Any
    _id: str
    _manager: Any

    def __init__(
        self,
        token: Any,
        serializer: str,
        manager: Any = None,
        authkey: bytes | None = None,
        exposed: Any = None,
        incref: bool = True,
        manager_owned: bool = False,
    ) -> None:
        self._token = token
        self._id = token.id
        self._manager = manager
        self._serializer = serializer
        self._Client = standard.listener_client[serializer][1]  # type: ignore[attr-defined]
        self._owned_by_manager = manager_owned
        if authkey is None:
            authkey = process.current_process().authkey if manager is None else manager._authkey
        self._authkey = process.AuthenticationString(authkey)  # type: ignore[attr-defined]
        self._station = station(token.address, self._authkey, serializer)
        self._travelled: list[bool] = []  # not empty: it was pickled
        if incref:
            self._incref()

    def _incref(self) -> None:
        if not self._owned_by_manager:
            number = self._station.refer(self._id)
            self._close = weakref.finalize(self, self._station.forget, number, self._travelled)
            self._close.atexit = False

    def _callmethod(self, methodname: str, args: tuple[Any, ...] = (), kwds: dict[str, Any] = {}) -> Any:  # noqa: B006
        """Call a method of the object and return a copy of its result."""
        kind, result, loads = self._station.ask((self._id, methodname, args, kwds))
        if kind == "#RETURN":
            return result
        if kind == "#NESTED":
            return inner.rebuilt_for(self._callmethod, loads, result)
        if kind == "#PROXY":
            return self._proxy(*result)
        try:
            raise standard.convert_to_error(kind, result)  # type: ignore[attr-defined]
        finally:
            del result  # no cycle of the error and this frame

    def _proxy(self, exposed: Any, token: Any) -> Any:
        """Make the proxy of what a method has returned."""
        token.address = self._token.address
        make = self._manager._registry[token.typeid][-1]
        proxy = make(token, self._serializer, manager=self._manager, authkey=self._authkey, exposed=exposed)
        self._station.service("decref", token.id)
        return proxy

    def _connect(self) -> None:
        """Nothing: the station connects."""

    def __reduce__(self) -> Any:
        self._travelled.append(True)
        kwds: dict[str, Any] = {}
        if get_spawning_popen() is not None:
            kwds["authkey"] = self._authkey
        if getattr(self, "_isauto", False):
            kwds["exposed"] = self._exposed_
            return RebuildProxy, (AutoProxy, self._token, self._serializer, kwds)
        return RebuildProxy, (type(self), self._token, self._serializer, kwds)


def RebuildProxy(func: Any, token: Any, serializer: str, kwds: dict[str, Any]) -> Any:
    """Unpickle a proxy.

    Source: multiprocessing.managers.RebuildProxy.
    """
    server = getattr(process.current_process(), "_manager_server", None)
    here = server is not None and server.address == token.address
    if here:
        kwds["manager_owned"] = True
    wanted = kwds.pop("incref", True) and not getattr(process.current_process(), "_inheriting", False)
    proxy = func(token, serializer, incref=wanted, **kwds)
    if server is not None and here and hasattr(server, "own"):
        server.own(proxy, token.id)
    return proxy


def MakeProxyType(name: str, exposed: Iterable[str], _cache: dict[Any, Any] = {}) -> Any:  # noqa: B006
    """Make a type of proxies with some methods.

    Source: multiprocessing.managers.MakeProxyType.
    """
    exposed = tuple(exposed)
    made = _cache.get((name, exposed))
    if made is None:
        methods = {each: _calling(each) for each in exposed}
        made = _cache[name, exposed] = type(name, (BaseProxy,), {**methods, "_exposed_": exposed})
    return made


def _calling(name: str) -> Any:
    def method(self: BaseProxy, /, *args: Any, **kwds: Any) -> Any:
        return self._callmethod(name, args, kwds)

    method.__name__ = method.__qualname__ = name
    return method


def AutoProxy(
    token: Any,
    serializer: str,
    manager: Any = None,
    authkey: bytes | None = None,
    exposed: Any = None,
    incref: bool = True,
    manager_owned: bool = False,
) -> Any:
    """Make a proxy with the public methods of its object.

    Source: multiprocessing.managers.AutoProxy.
    """
    if authkey is None:
        authkey = process.current_process().authkey if manager is None else manager._authkey
    if exposed is None:
        exposed = station(token.address, authkey, serializer).service("get_methods", token)
    kind = MakeProxyType(f"AutoProxy[{token.typeid}]", exposed)
    proxy = kind(token, serializer, manager=manager, authkey=authkey, incref=incref, manager_owned=manager_owned)
    proxy._isauto = True
    return proxy
