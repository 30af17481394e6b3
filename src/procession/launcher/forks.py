"""Sockets that belong to this process alone: whatever is forked from it closes its copies at once.

Knows: the sockets, and which thread forks a process that may keep one.
Must not know: what is said over them.

A copy of our end in another process would keep the other side from seeing that we are gone: workers would outlive
their parent. That other process may be a user's fork, or the nursery of another pool that is made at this moment.
"""

from __future__ import annotations

import os
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

# No WeakSet: it runs Python code when a member dies, and a Ctrl-C that strikes there is lost.
_sockets: list[weakref.ref[socket.socket]] = []
_kept: dict[int, socket.socket] = {}  # by the thread that forks
# Between the making of a socket and its entry no other thread may fork. A signal's handler may, in the same thread.
_lock = threading.RLock()


def control_pair() -> tuple[socket.socket, socket.socket]:
    """Make a control socket: messages stay whole, and descriptors travel along."""
    with _lock:
        both = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        _sockets[:] = [each for each in _sockets if each() is not None]
        _sockets.extend(map(weakref.ref, both))
    return both


def close(ours: socket.socket) -> None:
    """Close one of the sockets. A fork in the midst of that would leave a copy that nothing in the child knows of."""
    with _lock:
        ours.close()


def fork_with(keep: socket.socket) -> int:
    """Fork; the child keeps this one of the sockets. Return as `os.fork` does."""
    with keeping(keep):
        return os.fork()


@contextmanager
def keeping(keep: socket.socket) -> Iterator[None]:
    """What this thread forks inside keeps this one of the sockets."""
    thread = threading.get_ident()
    before = _kept.get(thread)  # a signal's handler may start a process while one is being started
    _kept[thread] = keep
    try:
        yield
    finally:
        if before is None:
            _kept.pop(thread, None)
        else:
            _kept[thread] = before


def _close_copies() -> None:
    kept = _kept.get(threading.get_ident())
    for each in _sockets:
        known = each()
        if known is not None and known is not kept:
            known.close()
    _sockets.clear()
    _kept.clear()
    _lock.release()


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_close_copies)
