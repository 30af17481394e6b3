"""One user call: its inputs on the way down, its outcomes on the way up, and who waits for them.

Knows: items, results, errors; the order in which the scheduler lets them out.
Must not know: workers, channels, when anything is sent.

Every method is called under the engine's lock. What must happen outside of it (callbacks, a future's result) is put
into `after`, which the engine runs when it has let go of the lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from procession.backends.base import Function
from procession.model.errors import add_note, shorten, shorten_text
from procession.model.light import TYPE_CHECKING, Any
from procession.model.task import Style, TaskOptions
from procession.wire.codec import UNKNOWN_BYTES, Results, guess_weight

if TYPE_CHECKING:
    from procession.model.outcome import Attempt, Outcome
    from procession.monitor.progress import Reporter

OUTCOME_BYTES = 4096.0  # what outcomes are taken for until some are there: large ones must not come by the thousand
NOTE_CHARACTERS = 200  # of the text of an attempt's error

After = list[Callable[[], None]]
Chunk = tuple[int, list[Any], dict[int, BaseException] | None]  # first item, values, errors by position


class Call:
    """What all calls have in common.

    Args:
        function: What runs on each item; None where every item names its own.
        style: How it is applied.
        options: As the caller gave them.
    """

    def __init__(self, function: Function | None, style: Style, options: TaskOptions) -> None:
        self.number = -1  # the engine gives it one
        self.progress: Reporter | None = None
        self.ranks: list[float] | None = None  # the priorities of all items, where they have any and are known
        self.history: dict[int, list[Attempt]] = {}  # of items that failed before
        self.halted: BaseException | None = None  # which rule ended it early
        known = function.outcome_bytes if function is not None else None
        self.weights = [UNKNOWN_BYTES, known or OUTCOME_BYTES]  # of an input and of an outcome: guessed, then measured
        self.weight = UNKNOWN_BYTES  # bytes for each item, as the scheduler knows it
        self.function = function
        self.style = style
        self.options = options

    def guess_weight(self, item: Any) -> None:
        """Take the weight of the first input for that of all, until some have been pickled."""
        self.weights[0] = guess_weight(item)
        self.weight = max(self.weights)

    def attempts(self, index: int) -> list[Attempt]:
        """What was tried with an item before."""
        return self.history.get(index, [])

    def take(self, start: int, stop: int) -> Sequence[Any]:
        """Give the items `start` to `stop`, to be sent."""
        raise NotImplementedError

    def put_back(self, start: int, items: Sequence[Any]) -> None:
        """Take items again that were sent and not run."""

    def accept(self, start: int, items: Sequence[Any], results: Results, worker: int) -> None:
        """Keep outcomes until they may go out."""
        raise NotImplementedError

    def deliver(self, start: int, after: After) -> None:
        """Let the outcomes that begin at `start` go out."""
        raise NotImplementedError

    def count(self, results: Results, after: After) -> None:
        """Let the progress of this call be seen."""
        if self.progress is not None:
            self.progress.add(len(results.values), len(results.failures or ()))
            after.append(self.progress.show)

    def finish(self, after: After) -> None:
        """Every outcome has gone out."""
        if self.progress is not None:
            after.append(self.progress.end)

    def fail(self, error: BaseException, after: After) -> None:
        """The call ends here, with this error."""
        raise NotImplementedError

    def note(self, error: BaseException, index: int, item: Any) -> BaseException:
        """Write into an error which item it belongs to, and what was tried before."""
        error = note_item(error, index, item)
        for number, attempt in enumerate(self.history.pop(index, ()) if self.history else (), 1):
            add_note(error, f"attempt {number}: {one_line(attempt.error)}")
        return error


def one_line(error: BaseException | None) -> str:
    """Give the class of an error and the first line of its text, even where that cannot be made."""
    try:
        text = str(error).partition("\n")[0]
    except BaseException as failure:
        text = f"<its __str__ raises {type(failure).__name__}>"
    return f"{type(error).__name__}: {shorten_text(text, NOTE_CHARACTERS)}"


def note_item(error: BaseException, index: int, item: Any) -> BaseException:
    """Write into an error which item it belongs to."""
    add_note(error, f"item {index} ({shorten(item)})")
    return error


def make_outcomes(
    start: int, items: Sequence[Any], results: Results, worker: int, history: dict[int, list[Attempt]]
) -> list[Outcome[Any]]:
    """Make the `Outcome` of each of some neighbouring items; a worker of less than 0: there was none.

    Args:
        history: What was tried with items before; those of these items are taken out.
    """
    from procession.model.outcome import Attempt, Outcome

    failures = results.failures or {}
    durations, texts = results.durations, results.texts
    outcomes = []
    for offset, value in enumerate(results.values):
        error = failures.get(offset)
        seconds = durations[offset] if durations else None
        attempts = (Attempt(error, seconds, worker or None),) if worker >= 0 else ()
        if history:
            attempts = (*history.pop(start + offset, ()), *attempts)
        out, err = (None, None) if texts is None else texts.get(offset, ("", ""))
        outcomes.append(Outcome(start + offset, items[offset], value, error, attempts, out, err))
    return outcomes


class MapCall(Call):
    """A call whose items are all known and whose results are wanted as one list."""

    def __init__(
        self,
        function: Function | None,
        style: Style,
        options: TaskOptions,
        items: Sequence[Any],
        done: Callable[[MapCall], None],
    ) -> None:
        super().__init__(function, style, options)
        self.items = items
        if items:
            self.guess_weight(items[0])
        self.results: list[Any] = [None] * len(items)
        self.failures: dict[int, BaseException] = {}
        self.ended = 0
        self.error: BaseException | None = None  # the whole call's
        self._done = done

    def take(self, start: int, stop: int) -> Sequence[Any]:
        return self.items[start:stop]

    def accept(self, start: int, items: Sequence[Any], results: Results, worker: int) -> None:
        stop = start + len(results.values)
        self.ended += stop - start
        outcomes = make_outcomes(start, items, results, worker, self.history) if self.options.timed else None
        for offset, error in (results.failures or {}).items():
            self.failures[start + offset] = self.note(error, start + offset, items[offset])
        self.results[start:stop] = results.values if outcomes is None else outcomes

    def deliver(self, start: int, after: After) -> None:
        pass  # it stands in its place already

    def finish(self, after: After) -> None:
        super().finish(after)
        after.append(lambda: self._done(self))

    def fail(self, error: BaseException, after: After) -> None:
        if self.error is None:
            self.error = error
            self.finish(after)


def _nothing() -> None:
    pass


def _leave_to_others(call: LazyCall) -> None:
    pass


class LazyCall(Call):
    """A call whose input is read as far ahead as needed and whose outcomes are taken one by one."""

    def __init__(self, function: Function | None, style: Style, options: TaskOptions) -> None:
        super().__init__(function, style, options)
        self.fresh: deque[Any] = deque()  # read and not sent; the feeder appends without a lock
        self.fresh_ranks: deque[float] = deque()  # the priorities of those of which the scheduler does not know
        self._ranked = 0  # how many items were asked for their priority
        self._priority: Callable[[Any], float] | None = options.policy.priority if options.policy else None
        self.limit = 0  # how far the input may be read
        self.hungry = False  # a worker waits for the next item
        self.halting = False  # nothing more of it is to be read
        self.finished = False
        self.error: BaseException | None = None  # the input's, or the whole call's; comes after all outcomes
        self.ready: deque[Chunk] = deque()
        self.more: Callable[[], None] = _nothing  # tells the feeder of a new limit
        self.waiting: Callable[[], None] | None = None  # wakes the consumer
        # Runs items up to the next outcome, where nobody but the caller does that.
        self.bring: Callable[[LazyCall], None] = _leave_to_others
        self._next = 0
        self._back: dict[int, Any] = {}
        self._held: dict[int, Chunk] = {}

    def take(self, start: int, stop: int) -> Sequence[Any]:
        popleft = self.fresh.popleft
        if start == self._next:
            self._next = stop
            return [popleft() for _ in range(stop - start)]
        while self._next < stop:  # those before it are sent later
            self._back[self._next] = popleft()
            self._next += 1
        return [self._back.pop(index) for index in range(start, stop)]

    def put_back(self, start: int, items: Sequence[Any]) -> None:
        self._back.update(enumerate(items, start))

    def halt(self) -> None:
        """Read no more; of all that was read the scheduler is told, also of a chunk that is not whole."""
        self.halting = True
        self.limit = 0
        self.hungry = True  # its feeder looks behind each item: then it waits until this has ended
        self.more()

    @property
    def append(self) -> Callable[[Any], None]:
        """What takes an input in, without a lock; it raises what the call's `priority=` raises."""
        return self.fresh.append if self._priority is None else self._append_ranked

    def _append_ranked(self, item: Any) -> None:
        assert self._priority is not None
        from procession.model.policy import rank

        self.fresh_ranks.append(rank(self._priority, self._ranked, item))  # first: who takes the item finds it
        self._ranked += 1
        self.fresh.append(item)

    def take_ranks(self, count: int) -> list[float] | None:
        """Take the priorities of the next items of which the scheduler is told."""
        return [self.fresh_ranks.popleft() for _ in range(count)] if self.fresh_ranks else None

    def accept(self, start: int, items: Sequence[Any], results: Results, worker: int) -> None:
        if self.options.timed:
            self._held[start] = start, make_outcomes(start, items, results, worker, self.history), None
            return
        failures = results.failures
        if failures:
            failures = {offset: self.note(error, start + offset, items[offset]) for offset, error in failures.items()}
        self._held[start] = start, results.values, failures

    def deliver(self, start: int, after: After) -> None:
        self.ready.append(self._held.pop(start))
        self._wake()

    def finish(self, after: After) -> None:
        super().finish(after)
        self.error = self.error or self.halted
        self.finished = True
        more, self.more = self.more, _nothing  # the feeder holds this call
        more()
        self._wake()

    def fail(self, error: BaseException, after: After) -> None:
        if self.finished:
            return
        self.error = self.error or error
        self.finish(after)

    def _wake(self) -> None:
        if self.waiting is not None:
            waiting, self.waiting = self.waiting, None
            waiting()
