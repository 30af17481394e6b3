"""A queue of messages between processes: who finds none waits, who finds it full waits.

Knows: a log; who sleeps for what; a descriptor that is readable while there are messages.
Must not know: what is in a message.

Nobody is ever waited for who might have ended: who sleeps wakes now and then and looks for himself. A consumer who was
answered within a moment looks again and again for as long before he sleeps (`wire/patience.py` says why).
"""

from __future__ import annotations

import os
import secrets
import time
import weakref

from procession.model.light import Any
from procession.shared import doorbell, kernel, lives, log, passing, takers
from procession.shared.log import ADDED, AWAITED, BELL, CROWDED, DONE, HEAD, ROOM, TAIL, WANTED
from procession.shared.naps import PAUSE, Naps
from procession.wire.patience import CORES, MOMENT, SHORT

Message = tuple[Any, int]
LOSE, NOTE, GIVE = "lose", "note", "give"  # what becomes of a message whose consumer is killed


class Mailbox:
    """One process's hold on a queue.

    Args:
        held: Its log.
        bell: What is readable while there are messages.
        rule: A message that a killed consumer had taken is not thought of (`LOSE`), counts as done (`NOTE`), or is
            given to another (`GIVE`).
        token: What all processes know it by.
    """

    def __init__(self, held: log.Log, bell: doorbell.Doorbell, rule: str, token: str) -> None:
        self._log, self._bell, self._rule, self._token = held, bell, rule, token
        held.takers = {LOSE: None, NOTE: takers.Counts(held.words), GIVE: takers.Claims(held.words)}[rule]
        self._awake = CORES > 1
        self._look = 0.0
        _open[token] = self

    def put(self, data: Any, kind: int, block: bool, timeout: float | None) -> bool:
        """Add a message; False: it was full for as long as this might wait.

        Args:
            data: As `Log.add` has it.
            kind: As `Log.add` has it.
            block: Wait for room.
            timeout: Seconds to wait. None: for ever.

        Raises:
            OSError: There is no memory for it.
        """
        held = self._log
        if not held.add(data, kind) and not self._add_later(data, kind, timeout if block else 0):
            return False
        words = held.words
        if words[WANTED]:
            self._wake(WANTED, ADDED)
        if words[BELL]:
            self._bell.ring()
        return True

    def get(self, block: bool, timeout: float | None) -> Message | None:
        """Take a message; None: there was none for as long as this might wait."""
        if self._rule != GIVE:
            message = self._log.take()
            if message is None and (message := self._wait(timeout if block else 0)) is None:
                return None
            words = self._log.words
            if words[CROWDED] or words[BELL]:
                self._tell_of_room()
            return message
        self._log.begin()
        try:
            message = self._of_the_dead() or self._log.take() or self._wait(timeout if block else 0)
            self._tell_of_room()
            return message
        except BaseException:  # Ctrl-C, an alarm
            self.give_up()
            raise

    def _tell_of_room(self) -> None:
        words = self._log.words
        if words[CROWDED]:
            self._wake(CROWDED, ROOM)
        if words[BELL]:
            self._mute()

    def _add_later(self, data: Any, kind: int, timeout: float | None) -> bool:
        held, words = self._log, self._log.words
        naps = Naps(timeout)
        while True:
            words[CROWDED] = 1
            seen = words[ROOM]
            if held.add(data, kind):
                words[CROWDED] = 1  # there may be others
                return True
            if naps.over():
                return False
            naps.sleep(held.address + 8 * ROOM, seen)

    def _wait(self, timeout: float | None) -> Message | None:
        held, words = self._log, self._log.words
        naps = Naps(timeout)
        if timeout != 0 and self._awake and (message := self._look_awake()) is not None:
            return message
        while True:
            words[WANTED] = 1  # before the last look, or who adds one may see no sleeper
            seen = words[ADDED]
            if (message := held.take()) is not None:
                words[WANTED] = 1  # there may be others
                if words[HEAD] != words[TAIL]:
                    self._wake(WANTED, ADDED)
                return message
            if naps.over():
                return None
            if naps.look_due() and self._rule == GIVE and (message := self._of_the_dead()) is not None:
                return message
            began = time.perf_counter()
            naps.sleep(held.address + 8 * ADDED, seen)
            self._awake = CORES > 1 and time.perf_counter() - began < SHORT

    def _look_awake(self) -> Message | None:
        held, words = self._log, self._log.words
        until = time.perf_counter() + MOMENT
        while time.perf_counter() < until:
            if words[HEAD] != words[TAIL] and (message := held.take()) is not None:
                return message
            os.sched_yield()
        self._awake = False
        return None

    def _wake(self, flag: int, word: int) -> None:
        kernel.rouse(self._log.words, self._log.address, flag, word)

    # What was taken and is not done.

    def _of_the_dead(self) -> Message | None:
        now = time.monotonic()
        if now < self._look:
            return None
        message = self._log.take_from_the_dead()
        if message is None:
            self._look = now + PAUSE
        return message

    def give_up(self) -> None:
        """What this thread has just got did not reach its user: with `GIVE` it is given out once more."""
        self._log.give_up()
        self._look = 0.0

    def done(self) -> bool:
        """Tell that a message is done; False: none was taken."""
        if not self._log.done():
            return False
        self._tell_if_all_done()
        return True

    def join(self) -> None:
        """Wait until all messages were taken and are done."""
        held, words = self._log, self._log.words
        naps = Naps(None)
        while True:
            words[AWAITED] = 1
            seen = words[DONE]
            if not held.unfinished():
                return
            if naps.look_due() and self._rule == NOTE and held.lose_those_of_the_dead():
                self._tell_if_all_done()
                continue
            naps.sleep(held.address + 8 * DONE, seen)

    def _tell_if_all_done(self) -> None:
        words = self._log.words
        if words[AWAITED] and not self._log.unfinished():
            words[DONE] = (words[DONE] + 1) & kernel.WORD
            kernel.wake(self._log.address + 8 * DONE, kernel.MOST_WAITERS)

    # What others see.

    def count(self) -> int:
        """How many messages there are."""
        return self._log.count()

    @property
    def reliable(self) -> bool:
        """True if a message is its consumer's until it is done."""
        return self._rule == GIVE

    @property
    def most(self) -> int:
        """How many there may be; 0: as many as there is memory for."""
        return self._log.most

    def full(self) -> bool:
        """True if there are as many as there may be."""
        return 0 < self._log.most <= self._log.count()

    def used(self) -> bool:
        """True if there ever was a message."""
        return self._log.words[TAIL] != 0

    def show(self) -> int:
        """Give the descriptor that is readable from now on while there are messages."""
        self._log.words[BELL] = 1
        self._bell.ring()
        self._mute()
        return self._bell.descriptor

    def _mute(self) -> None:
        """Make the descriptor unreadable if there are no messages."""
        words = self._log.words
        if words[HEAD] == words[TAIL]:
            self._bell.mute()
            if words[HEAD] != words[TAIL]:  # one came in between
                self._bell.ring()

    def __reduce__(self) -> Any:
        way = self._log.size, lives.namespace(), passing.along(self._log.descriptor)
        return _found, (self._token, *way, self._bell.on_the_way(), self._rule)


# By token. A process opens each once: it may have it from its birth, and be sent it by one that has ended since.
_open: weakref.WeakValueDictionary[str, Mailbox] = weakref.WeakValueDictionary()


def create(most: int, rule: str, **options: Any) -> Mailbox:
    """Make an empty one.

    Args:
        most: Messages that there may be at once; 0: as many as there is memory for.
        rule: As `Mailbox` has it.

    Raises:
        OSError: There are no descriptors or no address space for it.
    """
    return Mailbox(log.create(most, **options), doorbell.create(), rule, secrets.token_hex(8))


def _found(token: str, size: int, namespace: int, along: Any, bell: Any, rule: str) -> Mailbox:
    known = _open.get(token)
    if known is None:
        lives.meet(namespace)
        known = Mailbox(log.Log(along.take(size), size), doorbell.Doorbell(bell.take(0)), rule, token)
    return known
