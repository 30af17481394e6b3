"""A log of messages in memory that several processes share: each is added whole, and taken whole by one of them.

Layout: a page of words, the rows of who has taken what, then the messages, each with its length before it. The file is
vast and consists of holes: memory is taken before messages are written and given back behind those that were taken.

Knows: where messages lie, how many may, what is free.
Must not know: what is in a message; who waits (`mailbox`).

Adding ends with one store, that of the tail; taking ends with one store, that of the head. Each holds a place and a
count, so that both are always true together. Who is killed before his store has added nothing and taken nothing.
Adding and taking have a mutex each: producers do not hold up consumers.
"""

from __future__ import annotations

import errno
import os

from procession.model.light import Any
from procession.shared import kernel, takers
from procession.shared.kernel import STORES_IN_ORDER, back_out, leave, settle, try_enter
from procession.shared.passing import Owned
from procession.wire.shared_file import Piece, SharedFile, view

MUTEX_TO_ADD, MUTEX_TO_TAKE = (
    0,
    8,
)  # words; each on lines of the cache of its own, as are what producers and consumers write
TAIL, TAKEN_UP = 16, 17  # TAKEN_UP: where the memory ends that was taken from the system
ADDED, WANTED = 18, 19  # what sleeping consumers look at; whether there are any
HEAD, GIVEN_BACK = 24, 25  # GIVEN_BACK: where the memory begins that was not yet given back
ROOM, CROWDED = 26, 27  # what sleeping producers look at; whether there are any
DONE, AWAITED = 28, 29  # what those look at who wait until all is done; whether there are any
MOST, BELL = 32, 34  # BELL: somebody looks at the descriptor; 33 is that of `takers`
MESSAGES = 32 << 10  # bytes: where they begin, behind the rows of `takers`
MESSAGES_WORD = MESSAGES // 8

COUNT_BITS = 27
COUNT = (1 << COUNT_BITS) - 1
PLACE = (1 << 37) - 1  # places are counted in words, for ever, and begin again at this one
SIZES = (1 << 36, 1 << 32, 1 << 28, 1 << 24)  # bytes for messages; the largest that the process may map
STEP = 1 << 15  # words of memory that are taken at once
PUNCH = 1 << 17  # words that are given back at once
FAR = 1 << 36  # no place is so far before another
GAP = 2  # of a length: here is no message, the next one lies at the begin
KINDS = 2  # bits of a length


class Log:
    """One process's hold on a log.

    Args:
        descriptor: Of its file, which is closed with this.
        size: Bytes for messages, a power of 2.
    """

    takers: takers.Counts | takers.Claims | None = None

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor, self.size = descriptor, size
        self._file = SharedFile(descriptor)
        piece = self._file.shared(0, MESSAGES + size)
        self._owned = Owned(descriptor), Mapped(piece.address)
        _sizes[piece.address] = piece
        self.bytes = view(piece.memory)
        self.words = self.bytes.cast("Q")
        self.address = piece.address
        self.to_add = kernel.mutex_at(piece.address + 8 * MUTEX_TO_ADD)
        self.to_take = kernel.mutex_at(piece.address + 8 * MUTEX_TO_TAKE) if STORES_IN_ORDER else self.to_add
        self._last = size // 8 - 1  # masks the place within the file
        self._sure = 0  # up to here there is memory and nobody's message
        self.most = self.words[MOST]

    # Adding.

    def add(self, data: Any, kind: int = 0) -> bool:
        """Add a message; False: there are as many as there may be.

        Args:
            data: Its bytes; if `kind` is 1, pieces of them.
            kind: 0 or 1, for who reads it.

        Raises:
            OSError: There is no memory for it.
        """
        words, mutex, size = self.words, self.to_add, len(data)
        if kind:
            size = sum(map(len, data))
        try:
            code = try_enter(mutex)
            if code:
                self._settle(mutex, code)
            tail = words[TAIL]
            if self.most and ((tail - words[HEAD]) & COUNT) >= self.most:
                leave(mutex)
                return False
            need = (size + 15) >> 3
            place = tail >> COUNT_BITS
            if not need <= ((self._sure - place) & PLACE) <= self._last:
                place = self._make_sure(place, need)
                if place < 0:
                    leave(mutex)
                    return False
            begin = MESSAGES_WORD + (place & self._last)
            words[begin] = size << KINDS | kind
            begin = 8 * begin + 8
            if kind:
                self._write(begin, data)
            else:
                self.bytes[begin : begin + size] = data
            words[TAIL] = ((place + need) & PLACE) << COUNT_BITS | ((tail + 1) & COUNT)
            leave(mutex)
        except BaseException as error:
            back_out(mutex, error, self._mend)
            raise
        return True

    def _write(self, begin: int, pieces: list[memoryview]) -> None:
        for each in pieces:
            self.bytes[begin : begin + len(each)] = each
            begin += len(each)

    def _make_sure(self, place: int, need: int) -> int:
        """See to it that so many words can be written at one place; return it, or -1 while there is no room."""
        words, whole = self.words, self._last + 1
        if need > whole // 4:
            raise OSError(errno.EMSGSIZE, f"a message of {8 * need} bytes: a queue takes {2 * whole} here")
        used = (place - words[GIVEN_BACK]) & PLACE
        to_end = whole - (place & self._last)
        skip = to_end if to_end < need else 0
        if used + skip + need > whole:
            return -1
        self._take_up(place, skip + need)
        if skip:
            words[MESSAGES_WORD + (place & self._last)] = GAP
        begin = (place + skip) & PLACE
        ahead = (words[TAKEN_UP] - begin) & PLACE
        self._sure = (begin + min(ahead, whole - (begin & self._last), whole - used - skip)) & PLACE
        return begin

    def _take_up(self, place: int, need: int) -> None:
        words, whole = self.words, self._last + 1
        while (words[TAKEN_UP] - place) & PLACE < need:
            begin = words[TAKEN_UP]
            at = begin & self._last
            free = whole - ((begin - words[GIVEN_BACK]) & PLACE)
            count = min(max(STEP, need), whole - at, free)
            os.posix_fallocate(self.descriptor, MESSAGES + 8 * at, 8 * count)
            words[TAKEN_UP] = (begin + count) & PLACE

    # Taking.

    def take(self) -> tuple[Any, int] | None:
        """Take the next message, its bytes and its kind; None: there is none.

        Raises:
            RuntimeError: Too many are not done.
        """
        words, mutex, noted = self.words, self.to_take, self.takers
        try:
            code = try_enter(mutex)
            if code:
                self._settle(mutex, code)
            head = words[HEAD]
            if head == words[TAIL]:
                if (place := head >> COUNT_BITS) != words[GIVEN_BACK]:
                    self._give_back(place)
                leave(mutex)
                return None
            place = head >> COUNT_BITS
            length = words[MESSAGES_WORD + (place & self._last)]
            if length == GAP:
                place = (place | self._last) + 1
                length = words[MESSAGES_WORD + (place & self._last)]
            size = length >> KINDS
            begin = MESSAGES + 8 * (place & self._last) + 8
            found = self.bytes[begin : begin + size]
            data = bytearray(found) if length & 1 else found.tobytes()  # pieces may be written to by who gets them
            after = (place + ((size + 15) >> 3)) & PLACE
            if noted:
                noted.note((place & PLACE) << COUNT_BITS | (head & COUNT))
            words[HEAD] = after << COUNT_BITS | ((head + 1) & COUNT)
            if after // PUNCH != place // PUNCH:
                self._give_back(after)
            leave(mutex)
        except BaseException as error:
            back_out(mutex, error, self._mend)
            raise
        return data, length & 1

    def _give_back(self, after: int) -> None:
        """Give the memory back of what was taken, and is done where that is asked."""
        words = self.words
        if self.takers:
            after = self.takers.earliest(after)
        while PUNCH <= (after - words[GIVEN_BACK]) & PLACE < FAR:
            begin = words[GIVEN_BACK]
            at = begin & self._last
            self._file.punch(MESSAGES + 8 * at, 8 * PUNCH)
            words[GIVEN_BACK] = (begin + PUNCH) & PLACE

    def count(self) -> int:
        """How many messages there are."""
        words = self.words
        while True:
            head = words[HEAD]
            tail = words[TAIL]
            if head == words[HEAD]:  # else the two were not true at once
                return int((tail - head) & COUNT)

    # What was taken and is not done.

    def done(self) -> bool:
        """Tell that a message that was taken is done; False: there is none."""
        if self.takers is None:
            return False
        self._enter()
        try:
            found = self.takers.done(self.words[HEAD])
            self._give_back(self.words[HEAD] >> COUNT_BITS)
            return found
        finally:
            leave(self.to_take)

    def unfinished(self) -> int:
        """How many messages are there, or were taken and are not done."""
        self._enter()
        try:
            taken = self.takers.unfinished(self.words[HEAD]) if self.takers else 0
            return taken + self.count()  # in this order: what is added meanwhile counts, what was taken before does too
        finally:
            leave(self.to_take)

    def begin(self) -> None:
        """This thread begins to take a message that shall not be lost."""
        if isinstance(self.takers, takers.Claims):
            self.takers.begin()

    def give_up(self) -> None:
        """An exception came in the midst: what this thread has taken since is given to another, or to it again."""
        if isinstance(self.takers, takers.Claims):
            self.takers.give_up()

    def lose_those_of_the_dead(self) -> bool:
        """Count the messages that ended processes had taken as done; tell whether there are any."""
        rows = self.takers.of_the_dead() if self.takers else []
        if not self.takers or not rows:
            return False
        self._enter()
        try:
            self.takers.lose(rows)
        finally:
            leave(self.to_take)
        return True

    def take_from_the_dead(self) -> tuple[Any, int] | None:
        """Take a message that an ended process had taken; None: there is none."""
        claims = self.takers
        rows = claims.of_the_dead() if claims else []
        if not isinstance(claims, takers.Claims) or not rows:
            return None
        self._enter()
        try:
            message = claims.take_over(rows, self.words[HEAD])
            if message is None:
                return None
            place = (message >> COUNT_BITS) & self._last
            length = self.words[MESSAGES_WORD + place]
            begin = MESSAGES + 8 * place + 8
            return bytearray(self.bytes[begin : begin + (length >> KINDS)]), length & 1
        finally:
            leave(self.to_take)

    def _enter(self) -> None:
        try:
            code = try_enter(self.to_take)
            if code:
                self._settle(self.to_take, code)
        except BaseException as error:
            back_out(self.to_take, error, self._mend)
            raise

    def _settle(self, mutex: Any, code: int) -> None:
        if settle(mutex, code) and mutex is self.to_take:
            self._mend()

    def _mend(self) -> None:
        if self.takers:
            self.takers.mend(self.words[HEAD])


_sizes: dict[int, Piece] = {}


class Mapped(int):
    """An address that is mapped until nobody holds it: as `Owned` does, it goes after all that used it."""

    __slots__ = ()

    def __del__(self, pieces: dict[int, Piece] = _sizes) -> None:
        pieces.pop(self).unmap()


def create(most: int, sizes: tuple[int, ...] = SIZES) -> Log:
    """Make an empty log.

    Args:
        most: Messages that there may be at once; 0: as many as there is memory for.
        sizes: Bytes for messages, of which the first is taken that the process may map.

    Raises:
        OSError: There is no descriptor or no address space for it.
    """
    for size in sizes:
        made = None
        descriptor = os.memfd_create("procession-queue", os.MFD_CLOEXEC)
        try:
            os.ftruncate(descriptor, MESSAGES + size)
            os.posix_fallocate(descriptor, 0, MESSAGES)
            made = Log(descriptor, size)
        except OSError:
            if made is None:
                os.close(descriptor)
            if size == sizes[-1]:
                raise
            continue
        for word in (MUTEX_TO_ADD, MUTEX_TO_TAKE):
            kernel.make_mutex(kernel.mutex_at(made.address + 8 * word))
        made.words[MOST] = made.most = most
        return made
    raise AssertionError("unreachable")
