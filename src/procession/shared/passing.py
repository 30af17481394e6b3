"""How a descriptor gets to another process with an object that is pickled.

Knows: processes that are being born, as `multiprocessing` has it; paths in /proc.
Must not know: what the descriptors are for.

A process gets at its birth what its arguments need. Any other finds the descriptor by its owner's number and its own:
that is for as long as the owner has it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from procession.model.errors import SharedMemoryGone
from procession.model.light import Any


class Owned(int):
    """A descriptor that is closed when nobody holds it any more.

    A plain integer is no business of the garbage collector's: it goes when the last object that holds it has gone, so
    also after the `__del__` of each of them. What `weakref.finalize` does comes before.
    """

    __slots__ = ()

    def __reduce__(self) -> Any:
        raise TypeError("a descriptor that is owned stays in its process")  # there another one would close a stranger's

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self)


class Inherited:
    """Stands in a pickle for a descriptor that a process gets at its birth.

    Args:
        duplicate: What `multiprocessing` made of it.
    """

    def __init__(self, duplicate: Any) -> None:
        self._duplicate = duplicate

    def take(self, size: int) -> int:
        """Give the descriptor to who keeps it, in the process that was born."""
        descriptor: int = self._duplicate.detach()
        os.set_inheritable(descriptor, False)
        return descriptor


class Named:
    """Stands in a pickle for a descriptor of this process.

    Args:
        descriptor: Of a file or pipe.
    """

    def __init__(self, descriptor: int) -> None:
        self._pid, self._descriptor = os.getpid(), int(descriptor)
        self._inode = os.fstat(descriptor).st_ino

    def take(self, size: int) -> int:
        """Open it anew, for who keeps it.

        Args:
            size: Bytes of the memory, for the message.

        Raises:
            SharedMemoryGone: Its owner has let go of it.
        """
        try:
            descriptor = os.open(f"/proc/{self._pid}/fd/{self._descriptor}", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise SharedMemoryGone(pid=self._pid, size=size, reason=error.strerror or str(error)) from error
        if os.fstat(descriptor).st_ino != self._inode:
            os.close(descriptor)
            raise SharedMemoryGone(pid=self._pid, size=size, reason="its descriptor is another file now")
        return descriptor


def along(descriptor: int) -> Inherited | Named:
    """What stands for a descriptor in what this thread pickles now."""
    context: Any = sys.modules.get("multiprocessing.context")
    popen = None if context is None else context.get_spawning_popen()
    return Named(descriptor) if popen is None else Inherited(_at_birth(popen, int(descriptor)))


def _at_birth(popen: Any, descriptor: int) -> Any:
    """As `reduction.DupFd`, but the same descriptor goes once, however many objects are in it."""
    known = getattr(popen, "_fds", ())
    if descriptor not in known:
        return popen.DupFd(popen.duplicate_for_child(descriptor))
    by_number = sys.modules.get("multiprocessing.popen_spawn_posix")
    spawned = by_number is not None and isinstance(popen, by_number.Popen)
    return popen.DupFd(descriptor if spawned else known.index(descriptor))
