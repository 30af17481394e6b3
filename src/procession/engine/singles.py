"""Single items, `apply` and `submit`: together they are one endless call.

Knows: items that each name their own function, and whom to tell of their outcomes.
Must not know: workers, channels, when anything is sent.

How it works: a burst of thousands is the rule, and a lock for each would be handed to and fro between the caller and
the engine's thread. So a caller appends to a deque, which needs no lock, and tells nobody while all workers are busy:
whoever hears of the next outcome draws what has come together by then. Only while a worker is hungry is it told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial

from procession.backends.base import Backend, Function, Link
from procession.engine.calls import After, Call
from procession.engine.records import print_here
from procession.engine.sent import SentBatches
from procession.model.errors import shorten, shorten_text
from procession.model.light import Any, Protocol
from procession.model.task import Style, TaskOptions
from procession.wire.codec import Results
from procession.wire.functions import Packed


class Result(Protocol):
    """Whom to tell of an outcome."""

    def wanted(self) -> bool:
        """Asked once, when the item is about to be sent; False: its caller has cancelled it."""

    def settle(self, value: Any, error: BaseException | None, seconds: float | None, worker: int | None) -> None:
        """Take the outcome; called outside of the engine's lock."""

    def recalled(self) -> bool:
        """Under the engine's lock: it will never run, or what ran it was ended, and what is settled from now on does
        not count. False: it was known already."""


class Single:
    """One `apply` or `submit`: what runs, and whom to tell. There may be very many, so it is made of few objects.

    Args:
        function: As it travels.
        packed: The arguments, as they travel.
        call: The function, the arguments and the keyword arguments as they were given, to name it by.
        result: Whom to tell.
    """

    __slots__ = ("asked", "call", "data", "function", "link", "names", "result", "stored")

    def __init__(self, function: Function, packed: Packed, call: tuple[Any, Any, Any], result: Result) -> None:
        self.function: Function | None = function  # None: nobody wants it
        self.data = packed.data
        self.names = packed.names
        self.stored = packed.stored
        self.call = call
        self.result = result
        self.asked = False  # its result, whether it is wanted
        self.link: Any = None  # whose worker runs it and cannot lose it but by its death; None: nobody can say

    def name(self) -> str:
        """Write the call as a reader would, cut where it gets long."""
        function, args, kwds = self.call
        name = getattr(function, "__name__", None) or shorten(function, 40)
        inside = [shorten(each, 30) for each in args] + [f"{key}={shorten(value, 30)}" for key, value in kwds.items()]
        return shorten_text(f"{name}({', '.join(inside)})")


class Loan:
    """A channel that is lent to a thread which waits for one item."""

    __slots__ = ("link", "single")

    def __init__(self, single: Single) -> None:
        self.single = single
        self.link: Link | None = None

    def take(self, link: Link | None, backend: Backend) -> None:
        """Under the engine's lock: take over a worker's channel, if nobody has and nothing hinders it."""
        if link is None or link.borrowed or link.closed or link.blocked:
            return
        self.link = link  # first: Ctrl-C may strike at every line, and what is noted here is given back
        link.borrowed = True
        backend.unwatch(link)

    def give_back(self, backend: Backend, sent: SentBatches) -> None:
        """Under the engine's lock: end the borrowing. While a worker owes nothing nobody needs to read its channel: of
        its end the nursery tells. If it has told already, what is left is to read the channel to its end."""
        link = self.link
        if link is None:
            return
        link.borrowed = False
        if link.ended or link.blocked or sent.any_at(link.number):
            backend.watch(link)
        self.link = None  # last: until here it can be done once more


class Singles(Call):
    """All `apply` and `submit` calls of a pool: one endless call, each of whose items names its own function."""

    def __init__(self) -> None:
        super().__init__(None, Style.APPLY, TaskOptions(ordered=False, alike=False, timed=True))
        self.fresh: deque[Single] = deque()  # the scheduler does not know of them; appended to without a lock
        self.hungry = True  # a worker would begin the next one at once: who appends must see to it that it is drawn
        self._open: dict[int, Single] = {}
        self._next = 0
        self._ended: dict[int, tuple[Results, int]] = {}

    def draw(self) -> int:
        """Take in what is fresh; say how many."""
        first, popleft = self._next, self.fresh.popleft
        for _ in range(len(self.fresh)):
            self._open[self._next] = popleft()
            self._next += 1
        return self._next - first

    def withdraw(self, single: Single) -> bool:
        """Take one out that is still fresh; False if it is not."""
        try:
            self.fresh.remove(single)
        except ValueError:
            return False
        return True

    def take(self, start: int, stop: int) -> Sequence[Any]:
        out: list[Single | None] = []
        for index in range(start, stop):
            single = self._open[index]
            if not single.asked:  # sent again after a death it is what it was
                single.asked = True
                if not single.result.wanted():
                    single.function = None
            out.append(None if single.function is None else single)
        return out

    def all(self) -> list[Single]:
        """Those that were drawn and have not ended."""
        return list(self._open.values())

    def holds(self, single: Single) -> bool:
        """True until its outcome is on its way to its result."""
        return any(each is single for each in self._open.values()) or single in self.fresh

    def single(self, index: int) -> Single:
        """The open single of this index."""
        return self._open[index]

    def accept(self, start: int, items: Sequence[Any], results: Results, worker: int) -> None:
        self._ended[start] = results, worker

    def deliver(self, start: int, after: After) -> None:
        results, worker = self._ended.pop(start)
        failures = results.failures or {}
        durations = results.durations
        for offset, value in enumerate(results.values):
            result = self._open.pop(start + offset).result
            settle = result.settle
            if results.texts is not None:
                after.append(partial(_give_texts, result, results.texts.get(offset, ("", ""))))
            seconds = durations[offset] if durations else None
            after.append(partial(settle, value, failures.get(offset), seconds, worker))

    def fail(self, error: BaseException, after: After) -> None:
        self.draw()
        for single in self._open.values():
            after.append(partial(single.result.settle, None, error, None, None))
        self._open.clear()


def _give_texts(result: Result, texts: tuple[str, str]) -> None:
    """Give an item's output to its result; where it has no place there, let it be printed after all."""
    keep = getattr(result, "keep_texts", None)
    if keep is None or not keep(texts):
        print_here(texts)
