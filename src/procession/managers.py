"""`multiprocessing.managers`, whose managers are faster, know more types and notice who dies.

Knows: the standard library's managers, our server and proxies, which types there are.
Must not know: how a question gets to the server.
"""

from __future__ import annotations

import collections
import multiprocessing.managers as standard
from collections.abc import Callable, Iterable, Mapping
from multiprocessing.managers import Namespace as Namespace
from multiprocessing.managers import SharedMemoryManager as SharedMemoryManager
from multiprocessing.managers import Token as Token
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from procession.model.errors import ManagerGone
from procession.pool import Pool
from procession.process import Process
from procession.served import awaited, held, nested
from procession.served.container_proxies import CounterProxy as CounterProxy
from procession.served.container_proxies import DefaultDictProxy as DefaultDictProxy
from procession.served.container_proxies import DequeProxy as DequeProxy
from procession.served.container_proxies import DictProxy as DictProxy
from procession.served.container_proxies import ListProxy as ListProxy
from procession.served.container_proxies import SetProxy as SetProxy
from procession.served.lock_proxies import AcquirerProxy as AcquirerProxy
from procession.served.lock_proxies import ArrayProxy as ArrayProxy
from procession.served.lock_proxies import BarrierProxy as BarrierProxy
from procession.served.lock_proxies import ConditionProxy as ConditionProxy
from procession.served.lock_proxies import EventProxy as EventProxy
from procession.served.lock_proxies import IteratorProxy as IteratorProxy
from procession.served.lock_proxies import NamespaceProxy as NamespaceProxy
from procession.served.lock_proxies import PoolProxy as PoolProxy
from procession.served.lock_proxies import ValueProxy as ValueProxy
from procession.served.proxies import AutoProxy as AutoProxy
from procession.served.proxies import BaseProxy as BaseProxy
from procession.served.proxies import MakeProxyType as MakeProxyType
from procession.served.proxies import RebuildProxy as RebuildProxy
from procession.served.server import Server as Server
from procession.served.station import Station, leave, station

_theirs: Any = standard
K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
__all__ = ["BaseManager", "BaseProxy", "SharedMemoryManager", "SyncManager", "Token"]


class _Context:
    """What a manager needs of a context: ours, whatever start method is set."""

    Process = Process


_context: Any = _Context


class BaseManager(standard.BaseManager):
    """A process that holds objects for others, of types that are registered.

    Source: multiprocessing.managers.BaseManager.
    """

    _registry: ClassVar[dict[str, Any]] = {}
    _Server = Server

    def __init__(
        self,
        address: Any = None,
        authkey: bytes | None = None,
        serializer: str = "pickle",
        ctx: Any = None,
        **extras: Any,
    ) -> None:
        super().__init__(address, authkey, serializer, ctx or _context, **extras)

    def get_server(self) -> Any:
        """Make the server, to be run in this process by `serve_forever`."""
        me: Any = self
        if me._state.value != _theirs.State.INITIAL:
            super().get_server()  # which says why not
        return self._Server(me._registry, me._address, me._authkey, me._serializer)

    def _station(self) -> Station:
        me: Any = self
        return station(me._address, me._authkey, me._serializer)

    def _create(self, typeid: str, /, *args: Any, **kwds: Any) -> tuple[Any, tuple[str, ...]]:
        me: Any = self
        if me._state.value == _theirs.State.SHUTDOWN:
            raise ManagerGone(pid=None, address=me._address, reason="it was shut down")
        assert me._state.value == _theirs.State.STARTED, "server not yet started"
        ident, exposed = self._station().service("create", typeid, *args, **kwds)
        return _theirs.Token(typeid, me._address, ident), exposed

    def _debug_info(self) -> str:
        self._station().settle()
        return str(self._station().service("debug_info"))

    def _number_of_objects(self) -> int:
        self._station().settle()
        return int(self._station().service("number_of_objects"))

    @staticmethod
    def _finalize_manager(process: Any, address: Any, authkey: Any, *rest: Any) -> None:
        leave(address)
        _theirs.BaseManager._finalize_manager(process, address, authkey, *rest)

    @classmethod
    def register(
        cls,
        typeid: str,
        callable: Any = None,
        proxytype: Any = None,
        exposed: Any = None,
        method_to_typeid: Any = None,
        create_method: bool = True,
    ) -> None:
        """Register a type.

        Args:
            typeid: Its name, and that of the method that makes one.
            callable: What makes one in the manager's process.
            proxytype: The type of its proxies. None: one with the public methods of what was made.
            exposed: The names of the methods that may be called.
            method_to_typeid: Which method's results stay in the manager, as what.
            create_method: Make a method of this name.
        """
        super().register(typeid, callable, proxytype or AutoProxy, exposed, method_to_typeid, create_method=False)
        if create_method:
            setattr(cls, typeid, _making(typeid, proxytype or AutoProxy))


def _making(typeid: str, proxytype: Any) -> Any:
    def make(self: Any, /, *args: Any, **kwds: Any) -> Any:
        token, exposed = self._create(typeid, *args, **kwds)
        proxy = proxytype(token, self._serializer, manager=self, authkey=self._authkey, exposed=exposed)
        self._station().service("decref", token.id)
        return proxy

    make.__name__ = make.__qualname__ = typeid
    return make


class SyncManager(BaseManager, standard.SyncManager):
    """A process that holds objects for others: lists, dictionaries, locks, queues, pools.

    Source: multiprocessing.managers.SyncManager.
    """

    if TYPE_CHECKING:  # they are registered below

        def list(self, sequence: Iterable[T] = (), /) -> ListProxy[T]: ...  # type: ignore[override]
        @overload  # type: ignore[override]
        def dict(self) -> DictProxy[Any, Any]: ...
        @overload
        def dict(self, items: Mapping[K, V], /, **named: Any) -> DictProxy[K, V]: ...
        @overload
        def dict(self, items: Iterable[tuple[K, V]], /, **named: Any) -> DictProxy[K, V]: ...
        @overload
        def dict(self, **named: V) -> DictProxy[str, V]: ...
        def dict(self, *args: Any, **named: Any) -> Any: ...  # type: ignore[misc]  # it does accept them
        def set(self, items: Iterable[T] = (), /) -> SetProxy[T]: ...
        def Counter(self, items: Iterable[T] | Mapping[T, int] = (), /, **named: int) -> CounterProxy[T]: ...
        def defaultdict(self, factory: Callable[[], V] | None = None, /, *args: Any) -> DefaultDictProxy[Any, V]: ...
        def deque(self, items: Iterable[T] = (), maxlen: int | None = None) -> DequeProxy[T]: ...
        def Value(self, typecode: Any, value: T, lock: bool = True) -> ValueProxy[T]: ...  # type: ignore[override]
        def Lock(self) -> AcquirerProxy: ...  # type: ignore[override]
        def RLock(self) -> AcquirerProxy: ...  # type: ignore[override]
        def Semaphore(self, value: int = 1) -> AcquirerProxy: ...  # type: ignore[override]
        def BoundedSemaphore(self, value: int = 1) -> AcquirerProxy: ...  # type: ignore[override]


SyncManager.register("Queue", awaited.Queue)
SyncManager.register("JoinableQueue", awaited.Queue)
SyncManager.register("Event", awaited.Event, EventProxy)
SyncManager.register("Lock", held.Lock, AcquirerProxy)
SyncManager.register("RLock", held.RLock, AcquirerProxy)
SyncManager.register("Semaphore", held.Semaphore, AcquirerProxy)
SyncManager.register("BoundedSemaphore", held.BoundedSemaphore, AcquirerProxy)
SyncManager.register("Condition", awaited.Condition, ConditionProxy)
SyncManager.register("Barrier", awaited.Barrier, BarrierProxy)
SyncManager.register("Pool", Pool, PoolProxy)
SyncManager.register("list", list, ListProxy)
SyncManager.register("dict", dict, DictProxy)
SyncManager.register("set", set, SetProxy)
SyncManager.register("Counter", collections.Counter, CounterProxy)
SyncManager.register("defaultdict", nested.DefaultDict, DefaultDictProxy)
SyncManager.register("deque", collections.deque, DequeProxy)
SyncManager.register("Value", _theirs.Value, ValueProxy)
SyncManager.register("Array", _theirs.Array, ArrayProxy)
SyncManager.register("Namespace", _theirs.Namespace, NamespaceProxy)
# What methods of a pool return.
SyncManager.register("Iterator", proxytype=IteratorProxy, create_method=False)
SyncManager.register("AsyncResult", create_method=False)


def __getattr__(name: str) -> Any:
    return getattr(standard, name)
