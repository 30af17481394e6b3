"""The store: one process's side of the shared file, for what is too large for a frame.

Knows: that large buffers go by blocks and what to do where they cannot.
Must not know: frames, who runs what.

The parts behind it are loaded with the first large buffer: most programs have none.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Sequence
from pickle import PickleBuffer

from procession.model.light import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from procession.wire.blocks import Blocks, Stored
    from procession.wire.spans import Spans
    from procession.wire.views import Views

# Bytes from which on a block is cheaper than the frame. There and back through a worker, in us: 32 KB 168 and 127,
# 64 KB 134 and 169, 96 KB 168 and 295, 128 KB 183 and 549.
LARGE = 1 << 16
KEPT_MARKS = 4096  # for functions: a worker has 64 at the most
IN_BLOCK = b""  # the pickle of a parcel that is itself large: it is the last buffer of the block

Parcel = tuple[bytes, int, int, int, "Spans"]  # a pickle; the mark, offset, size and spans of its buffers


class Apart(list[memoryview]):
    """Takes the large buffers of a pickle that is being written: what `pickle` calls `buffer_callback`."""

    __slots__ = ()
    least = LARGE  # bytes

    def __call__(self, buffer: PickleBuffer) -> bool:
        try:
            raw = buffer.raw()
        except BufferError:  # it has gaps
            return True
        if len(raw) < self.least:
            return True
        self.append(raw)
        return False


class Refused(Exception):
    """The pickle holds what it must not."""


Write = Callable[[object, Apart | None], bytes]


class Store:
    """What this process writes for others, and what it sees of theirs.

    Args:
        descriptor: Of the shared file.
        owner: Who this is; see `shared_file.region`.
        limit: Bytes that it may write at once; 0: none, everything goes into frames.
    """

    def __init__(self, descriptor: int, owner: int, limit: int) -> None:
        self._descriptor = descriptor
        self._owner = owner
        self._limit = limit
        self._blocks: Blocks | None = None
        self._views: Views | None = None
        self._told = False  # that there is no memory
        self._lock = threading.RLock()

    def dumps(self, value: object, write: Write | None = None, never: bytes = b"") -> tuple[bytes, Stored | None]:
        """Pickle a value; what is large of it goes into a block.

        Args:
            write: Pickles it. None: as everybody does.
            never: What the pickle must not hold.

        Raises:
            Refused: It does.
            BaseException: What pickling it raised.
        """
        apart = Apart()
        data = pickle.dumps(value, 5, buffer_callback=apart) if write is None else write(value, apart)
        if never and never in data:
            raise Refused
        if not apart and len(data) < LARGE:
            return data, None
        large = len(data) >= LARGE
        stored = self._put([*apart, memoryview(data)] if large else apart)
        if stored is not None:
            return (IN_BLOCK if large else data), stored
        if apart:
            data = pickle.dumps(value, 5) if write is None else write(value, None)
        return data, None

    def parcel(self, data: bytes, stored: Stored, receiver: object, kept: int = KEPT_MARKS) -> Parcel | None:
        """Let a process see the buffers of a pickle; None: they cannot be given.

        Args:
            kept: Marks that must be left: for what can travel in no other way.
        """
        blocks = self._blocks
        mark = None if blocks is None else blocks.give(stored, receiver, kept)
        return None if mark is None else (data, mark, stored.block.offset, stored.size, stored.spans)

    def open(self, parcel: Parcel) -> tuple[bytes | memoryview, list[memoryview]]:
        """Look at a parcel: the pickle and its buffers."""
        data, mark, offset, size, spans = parcel
        buffers = self._own_views().open(mark, offset, size, spans)
        return (data or buffers.pop()), buffers

    def loads(self, item: bytes | Parcel) -> Any:
        """Rebuild what `dumps` was given.

        Raises:
            BaseException: What rebuilding it raised.
        """
        if type(item) is not tuple:
            return pickle.loads(item)  # type: ignore[arg-type]
        data, buffers = self.open(item)
        return pickle.loads(data, buffers=buffers)

    def wrap(self, kind: int, body: bytes, receiver: object) -> bytes | None:
        """Put the body of a frame into a block; give the body of the frame that says so, None where it cannot be."""
        if not self._limit:
            return None
        stored = self._put([memoryview(body)])
        parcel = None if stored is None else self.parcel(IN_BLOCK, stored, receiver)
        return None if parcel is None else pickle.dumps((kind, parcel), 5)

    def unwrap(self, body: bytes | bytearray | memoryview) -> tuple[int, memoryview]:
        """Look at what `wrap` was given."""
        kind, parcel = pickle.loads(body)
        return kind, self._own_views().open(*parcel[1:])[0]

    def refuse(self, parcel: Parcel) -> None:
        """Say that nobody here will look at a parcel."""
        self._own_views().return_(parcel[1])

    def bury(self, receiver: object, owner: int) -> None:
        """A process has ended.

        Args:
            receiver: What it was given under.
            owner: Whose region it wrote to.
        """
        if self._blocks is not None:
            self._blocks.bury(receiver)
        if self._views is not None:
            self._views.bury(owner)

    def close(self) -> bool:
        """Give back what nobody sees.

        Returns:
            True if the descriptor is still needed, and is closed here when it no longer is.
        """
        with self._lock:
            self._limit = 0
            blocks, views = self._blocks, self._views
            self._blocks = self._views = None
        if blocks is not None:
            blocks.close()
        return views is not None and views.close()

    def abandon(self) -> None:
        """In a forked child: all of this is the parent's."""
        self._limit = 0
        self._blocks = self._views = None
        self._lock = threading.RLock()

    def _put(self, buffers: Sequence[memoryview]) -> Stored | None:
        try:
            with self._lock:
                if not self._limit:  # it was closed meanwhile: the descriptor may be another file's by now
                    return None
                if self._blocks is None:
                    from procession.wire.blocks import Blocks
                    from procession.wire.shared_file import SharedFile

                    self._blocks = Blocks(SharedFile(self._descriptor), self._owner, self._limit)
                blocks = self._blocks
            return blocks.put(buffers)
        except OSError as error:
            self._tell(error)
            return None

    def _tell(self, error: OSError) -> None:
        """Say once that the system gives no memory."""
        if not self._told:
            self._told = True
            import warnings

            text = f"procession: no shared memory ({error.strerror}); large data goes through a socket, which is slower"
            warnings.warn(text, RuntimeWarning, stacklevel=2)

    def _own_views(self) -> Views:
        if self._views is None:
            from procession.wire.shared_file import SharedFile
            from procession.wire.views import Views

            self._views = Views(SharedFile(self._descriptor))
        return self._views
