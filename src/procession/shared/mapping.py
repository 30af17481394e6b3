"""A mapping that many processes read and write without a server: LMDB, with Python's values in it.

Knows: lmdb, how keys and values are written, which process has which environment open.
Must not know: pools; any pickle carries such a mapping.

How it works: a read is a look into a file that is mapped into memory; a write is a transaction, and one at a time may
write. What a killed process had not committed never was. An environment must not be used on both sides of a fork, so
each process opens its own, one for each folder.
"""

from __future__ import annotations

import errno
import hashlib
import io
import numbers
import os
import pickle
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Generic, TypeVar, cast

try:
    import lmdb
except ImportError as error:
    raise ImportError("procession.SharedDict needs LMDB: pip install 'procession[lmdb]'") from error

K = TypeVar("K")
V = TypeVar("V")

LONGEST_KEY = 500  # bytes; LMDB takes 511
FIRST_SIZE = 1 << 26  # bytes of the map; it doubles when it is full
READERS = 512  # processes and threads that may read at once
PREFIX = "procession-dict-"
WITH_KEY = b"hit"  # how the place of a key begins that cannot be read off it: the key stands beside the value

_missing: Any = object()


class SharedDict(MutableMapping[K, V], Generic[K, V]):
    """A dict in a file that many processes use at once, and that survives the death of any of them.

    It pickles to its path. Each operation is a transaction: `update` of many items and `update_with` are one each.
    Values are copies: changing what you got changes nothing here.

    Args:
        path: A folder, made where it is missing; the items last in it. None: a temporary one, gone with this process.
        sync: A write is on the disk when it returns; False: when the system writes it. Only the machine's end can lose
            it then. None: True with a path.

    Raises:
        OSError: The folder cannot be made or opened.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, sync: bool | None = None) -> None:
        self._sync = path is not None if sync is None else sync
        self._folder = _temporary(self) if path is None else os.path.abspath(path)
        os.makedirs(self._folder, exist_ok=True)
        self._held: _Environment | None = None

    @property
    def path(self) -> str:
        """The folder that holds it."""
        return self._folder

    # One item.

    def __getitem__(self, key: K) -> V:
        found = self.get(key, _missing)
        if found is _missing:
            raise KeyError(key)
        return cast(V, found)

    def get(self, key: K, default: Any = None) -> Any:
        """The value of a key, or `default`."""
        place = _pack_key(key)
        data = self._read(lambda transaction: transaction.get(place))
        return default if data is None else _value(place, data)

    def __setitem__(self, key: K, value: V) -> None:
        self.update({key: value})

    def __delitem__(self, key: K) -> None:
        packed = _pack_key(key)
        if not self._write(lambda transaction: transaction.delete(packed)):
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        place = _pack_key(key)
        return self._read(lambda transaction: transaction.get(place)) is not None

    def update_with(self, key: K, function: Callable[[V], V], default: Any = _missing) -> V:
        """Replace a value by what a function makes of it, while nobody else can write; return it.

        Args:
            function: Called with the value, or with `default` if there is none. May be called again where the file had
                to grow in between. What it raises ends the transaction, and nothing has changed.

        Raises:
            KeyError: There is no value and no default.
        """
        packed = _pack_key(key)

        def step(transaction: Any) -> Any:
            data = transaction.get(packed)
            if data is None and default is _missing:
                raise KeyError(key)
            value = function(default if data is None else _value(packed, data))
            transaction.put(packed, _pack_value(packed, key, value))
            return value

        return cast(V, self._write(step))

    def pop(self, key: K, default: Any = _missing) -> Any:
        """Take a value out, or give `default`.

        Raises:
            KeyError: There is no value and no default.
        """
        packed = _pack_key(key)
        data = self._write(lambda transaction: transaction.pop(packed))
        if data is None and default is _missing:
            raise KeyError(key)
        return default if data is None else _value(packed, data)

    def setdefault(self, key: K, default: Any = None) -> Any:
        """The value of a key; if there is none, `default`, which is its value from now on."""
        return self.update_with(key, lambda value: value, default)

    # Many.

    def update(self, other: Any = (), /, **named: Any) -> None:
        """Set many items in one transaction."""
        pairs = other.items() if isinstance(other, Mapping) else other
        packed = [(_pack_key(key), key, value) for key, value in (*pairs, *named.items())]
        items = [(place, _pack_value(place, key, value)) for place, key, value in packed]

        def step(transaction: Any) -> None:
            for place, data in items:
                transaction.put(place, data)

        self._write(step)

    def get_many(self, keys: Iterable[K], default: Any = None) -> list[Any]:
        """The values of many keys, as they were at one moment."""
        places = list(map(_pack_key, keys))
        found = self._read(lambda transaction: list(map(transaction.get, places)))
        pairs = zip(places, found, strict=True)
        return [default if data is None else _value(place, data) for place, data in pairs]

    def clear(self) -> None:
        """Take all items out."""
        self._write(lambda transaction: transaction.drop(self._open().open_db(txn=transaction), delete=False))

    def __len__(self) -> int:
        return int(self._read(lambda transaction: transaction.stat())["entries"])

    def __iter__(self) -> Iterator[K]:
        return iter([key for key, _ in self._all()])

    def items(self) -> Any:
        """All items, as they were at one moment."""
        return self._all()

    def values(self) -> Any:
        """All values, as they were at one moment."""
        return [value for _, value in self._all()]

    def _all(self) -> list[tuple[K, V]]:
        return [_item(place, data) for place, data in self._read(lambda transaction: list(transaction.cursor()))]

    # The file.

    def _read(self, step: Callable[[Any], Any]) -> Any:
        with _lock:
            try:
                with self._open().begin() as transaction:
                    return step(transaction)
            except lmdb.MapResizedError:  # another process let it grow
                self._open().set_mapsize(0)
                return self._read(step)
            except lmdb.Error as error:
                raise _as_system_error(error, self._folder) from error

    def _write(self, step: Callable[[Any], Any]) -> Any:
        with _lock:
            while True:
                env = self._open()
                try:
                    with env.begin(write=True) as transaction:
                        return step(transaction)
                except lmdb.MapFullError:
                    env.set_mapsize(2 * env.info()["map_size"])
                except lmdb.MapResizedError:
                    env.set_mapsize(0)
                except lmdb.Error as error:
                    raise _as_system_error(error, self._folder) from error

    def _open(self) -> Any:
        held = self._held
        if held is None or held.home != os.getpid():
            held = self._held = _environment(self._folder, self._sync)
        return held.env

    def close(self) -> None:
        """Let go of it in this process; the next use opens it again."""
        self._held = None

    def __reduce__(self) -> Any:
        return _found, (self._folder, self._sync)

    def __repr__(self) -> str:
        return f"SharedDict({self._folder!r})"


class _Environment:
    """The one hold of this process on a folder, for all who use it here."""

    def __init__(self, folder: str, sync: bool) -> None:
        self.home = os.getpid()
        self.env = lmdb.open(folder, FIRST_SIZE, max_readers=READERS, sync=sync, metasync=sync, readahead=False)

    def __del__(self) -> None:
        if self.home == os.getpid() and hasattr(self, "env"):
            self.env.close()


_open: weakref.WeakValueDictionary[str, _Environment] = weakref.WeakValueDictionary()
# One transaction at a time in a process: a map must not grow while another thread looks at it. And none is in the midst
# of something when the process is forked.
_lock = threading.RLock()


def _environment(folder: str, sync: bool) -> _Environment:
    with _lock:
        known = _open.get(folder)
        if known is not None and known.home == os.getpid():
            return known
        if known is not None:
            known.env.close()  # the parent's, in a forked child: it has its own, which goes on
        try:
            made = _open[folder] = _Environment(folder, sync)
        except lmdb.Error as error:
            raise _as_system_error(error, folder) from error
        return made


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()


def _acquire_lock() -> None:
    _lock.acquire()


def _release_lock() -> None:
    _lock.release()


os.register_at_fork(before=_acquire_lock, after_in_parent=_release_lock, after_in_child=_renew_lock)


def _found(folder: str, sync: bool) -> SharedDict[Any, Any]:
    return SharedDict(folder, sync=sync)


def _temporary(owner: object) -> str:
    folder = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")
    home = os.getpid()

    def remove() -> None:
        if os.getpid() == home:
            shutil.rmtree(folder, ignore_errors=True)

    weakref.finalize(owner, remove)
    return folder


def _pack_key(key: object) -> bytes:
    """Write a key: equal ones must look the same, so 1 and 1.0 and True are one, as in a dict."""
    if type(key) is str:
        data = b"s" + key.encode("utf-8", "surrogatepass")
    elif type(key) is bytes:
        data = b"b" + key
    else:
        hash(key)  # what cannot be one in a dict cannot be one here
        data = _pack_other(key)
    return data if len(data) <= LONGEST_KEY else b"h" + hashlib.blake2b(data).digest()


def _pack_other(key: Any) -> bytes:
    if isinstance(key, numbers.Real):
        if key == key // 1:
            return b"i%d" % int(cast(Any, key))
        key = float(key)  # numpy has floats of its own
    elif isinstance(key, (tuple, frozenset)):
        parts = [_pack_key(each) for each in key]
        if isinstance(key, frozenset):
            parts.sort()
        return b"t%d" % isinstance(key, frozenset) + b"".join(b"%d:%b" % (len(part), part) for part in parts)
    file = io.BytesIO()
    pickler = pickle.Pickler(file, 5)
    pickler.fast = True  # else two equal parts look different from one part twice
    pickler.dump(key)
    return b"p" + file.getvalue()


def _pack_value(place: bytes, key: object, value: object) -> bytes:
    return pickle.dumps((key, value) if place[0] in WITH_KEY else value, 5)


def _value(place: bytes, data: bytes) -> Any:
    value = pickle.loads(data)
    return value[1] if place[0] in WITH_KEY else value


def _item(place: bytes, data: bytes) -> tuple[Any, Any]:
    value = pickle.loads(data)
    if place[0] in WITH_KEY:
        return cast("tuple[Any, Any]", value)
    if place[:1] == b"s":
        return place[1:].decode("utf-8", "surrogatepass"), value
    return (place[1:] if place[:1] == b"b" else pickle.loads(place[1:])), value


def _as_system_error(error: Exception, folder: str) -> OSError:
    """What LMDB says as what the system means."""
    if isinstance(error, lmdb.DiskError) or "No space left" in str(error):
        return OSError(errno.ENOSPC, "no space left for the shared dict; nothing of this write was kept", folder)
    return OSError(errno.EIO, f"the shared dict cannot be used: {error}", folder)
