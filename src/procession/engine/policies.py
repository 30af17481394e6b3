"""What the engine does for calls with a policy: it keeps attempts, ends what ran too long, tells what was not run.

Knows: the loop; the errors of items, and which of them are worth another attempt; the stacks of workers.
Must not know: when anything is due. The scheduler decides that (`scheduler/keeper.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from procession.backends import base
from procession.engine.calls import Call, LazyCall, one_line
from procession.engine.loop import Loop
from procession.engine.sent import Sent
from procession.model.errors import ProcessionError, add_note, shorten
from procession.model.light import Any
from procession.model.outcome import Attempt, Outcome
from procession.model.stops import Halted, NotRun, TimeLimitExceeded
from procession.scheduler import actions, events
from procession.wire.codec import Results
from procession.wire.exceptions import interrupts

STACK_SECONDS = 0.1  # how long a worker that is to be ended may take to tell where it is; a millisecond is the rule
NOBODY = -1  # the worker of an item that has reached none


def keep(loop: Loop) -> Policies:
    """Give what keeps the policies of a loop's calls."""
    with loop.lock:
        if loop.policies is None:
            loop.policies = Policies(loop)
        found: Policies = loop.policies
        return found


def stop(loop: Loop, call: Call, now: bool, reason: str) -> None:
    """Let nothing more of a call begin; what runs ends by itself, or is ended (`now`). At once, from any thread, and
    from a signal handler."""
    _tell_soon(loop, events.Stopped(call.number, reason, now))


def drop(loop: Loop, call: Call, index: int) -> None:
    """Let one item of a call not be run, or end it."""
    _tell_soon(loop, events.Dropped(call.number, index))


def _tell_soon(loop: Loop, event: events.Event) -> None:
    """Let the engine's thread tell of something; the call may have no policy."""

    def step() -> None:
        keep(loop)
        loop.tell(event)

    loop.request(lambda: loop.do(step))


class Policies:
    """Carries out what the scheduler decides for such calls.

    Args:
        loop: What moves them along.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._failing: dict[tuple[int, int], tuple[Any, Results, Attempt]] = {}  # by call and index: item, results
        self._ended: dict[int, tuple[ProcessionError, bool]] = {}  # workers that were ended: why, is it worth a retry
        loop.carry.update({
            actions.Retry: self._retry,
            actions.Fail: self._fail,
            actions.Skip: self._skip,
            actions.Halt: self._halt,
            actions.Inspect: self._inspect,
            actions.Interrupt: self._interrupt,
            actions.Kill: self._kill,
        })  # fmt: skip

    # Items end.

    def ended(self, sent: Sent, begin: int, news: base.Ended) -> None:
        """Take in outcomes; the scheduler says which of the failed ones are final."""
        call, results, first = sent.call, news.results, sent.start + begin
        worker = self._loop.backend.pid(news.worker)
        items = sent.items[begin : sent.done]
        worth: dict[int, bool] = {}
        at = 0
        for offset, error in sorted((results.failures or {}).items()):
            self._accept(call, first + at, items[at:offset], results.part(at, offset), worker)
            piece = results.part(offset, offset + 1)
            attempt = Attempt(error, None if piece.durations is None else piece.durations[0], worker)
            self._failing[call.number, first + offset] = items[offset], piece, attempt
            worth[offset] = self._worth(call, first + offset, items[offset], attempt)
            at = offset + 1
        self._accept(call, first + at, items[at:], results.part(at, len(results.values)), worker)
        policy = call.options.policy
        shares = policy is not None and policy.time_share is not None
        durations = results.durations if shares else None
        self._loop.tell(events.Finished(news.worker, news.batch, news.count, news.seconds, worth, durations))

    def _accept(self, call: Call, start: int, items: Sequence[Any], results: Results, worker: int) -> None:
        if len(items):
            call.accept(start, items, results, worker)
            call.count(results, self._loop.after)
            if call.history:  # what was not told with an outcome or an error is told to nobody
                for index in range(start, start + len(items)):
                    call.history.pop(index, None)

    def _worth(self, call: Call, index: int, item: Any, attempt: Attempt) -> bool:
        """Say whether an error is worth another attempt, if there is one left."""
        policy = call.options.policy
        error = attempt.error
        if policy is None or not policy.retries or error is None:
            return False
        if isinstance(policy.retry_on, tuple):
            return isinstance(error, policy.retry_on)
        try:
            return bool(policy.retry_on(Outcome(index, item, None, error, (*call.attempts(index), attempt))))
        except BaseException as failed:  # users' code
            if interrupts(failed):
                raise
            add_note(error, f"retry_on= failed, so it was not tried again: {one_line(failed)}")
            return False

    def _retry(self, action: actions.Retry) -> None:
        item, _, attempt = self._failing.pop((action.call, action.index))
        self._keep_attempt(self._loop.calls[action.call], action.index, item, attempt)

    def _keep_attempt(self, call: Call, index: int, item: Any, attempt: Attempt) -> None:
        """Keep an attempt that was not the last, and the item for the next one."""
        call.history.setdefault(index, []).append(attempt)
        call.put_back(index, [item])

    def _fail(self, action: actions.Fail) -> None:
        item, piece, attempt = self._failing.pop((action.call, action.index))
        call = self._loop.calls.get(action.call)
        if call is not None:
            self._accept(call, action.index, [item], piece, attempt.worker or 0)

    def lose(self, call: Call, index: int, item: Any, error: BaseException, seconds: float | None, worker: int) -> None:
        """Keep the attempt of an item that ended with its worker and is tried again."""
        self._keep_attempt(call, index, item, Attempt(error, seconds, worker))

    # What is not run.

    def _skip(self, action: actions.Skip) -> None:
        call = self._loop.calls.get(action.call)
        if call is None:
            return
        items = call.take(action.start, action.stop)
        errors: dict[int, BaseException] = {
            offset: NotRun(index=action.start + offset, item=shorten(item), reason=action.reason)
            for offset, item in enumerate(items)
        }
        call.accept(action.start, items, Results([None] * len(items), errors, None), NOBODY)

    def _halt(self, action: actions.Halt) -> None:
        call = self._loop.calls.get(action.call)
        if call is None:
            return
        if not action.quiet:
            call.halted = call.halted or Halted(reason=action.reason)
        if isinstance(call, LazyCall):
            call.halt()
            self._loop.tell(events.Exhausted(action.call))

    # What runs.

    def _inspect(self, action: actions.Inspect) -> None:
        link = self._loop.backend.links.get(action.worker)
        if link is None or action.worker in self._ended or not self._loop.backend.ends:
            return
        found = self._loop.backend.since(link)
        seen = events.Seen(action.worker) if found is None else events.Seen(action.worker, *found)
        self._loop.tell(seen)

    def _interrupt(self, action: actions.Interrupt) -> None:
        link = self._loop.backend.links.get(action.worker)
        if link is not None:
            self._loop.backend.interrupt(link, action.batch, action.position, action.limit)

    def _kill(self, action: actions.Kill) -> None:
        backend, link = self._loop.backend, self._loop.backend.links.get(action.worker)
        sent = self._loop.sent.get(action.batch)
        if link is None or sent is None or action.worker in self._ended or action.position >= len(sent.items):
            return
        stack = None if action.limit is None else _stack(link.pid)
        seconds = monotonic() - action.since
        if not backend.end(link, action.batch, action.position, action.since):
            return
        index, item = sent.start + action.position, sent.items[action.position]
        name = shorten(item)
        if action.limit is None:
            self._ended[action.worker] = NotRun(index=index, item=name, reason=action.reason), False
            return
        error = TimeLimitExceeded(
            index=index, item=name, pid=link.pid, seconds=seconds, limit=action.limit, stack=stack
        )
        self._ended[action.worker] = error, self._worth(sent.call, index, item, Attempt(error, seconds, link.pid))

    def error_of(self, worker: int, index: int | None, item: str) -> ProcessionError | None:
        """Why a worker was ended, as this item's error; None: it was not, it died."""
        found = self._ended.get(worker)
        if found is None:
            return None
        error = found[0]
        facts = {name: getattr(error, name) for name in error.facts}
        return type(error)(**{**facts, "index": index, "item": item})  # one call may have run several items

    def worth_of(self, worker: int) -> bool | None:
        """Whether the item of a worker that was ended is worth another attempt; None: it died."""
        found = self._ended.get(worker)
        return None if found is None else found[1]

    def forget(self, worker: int) -> None:
        """A worker's death has been told."""
        self._ended.pop(worker, None)


def _stack(pid: int) -> str | None:
    """Ask a worker where it is; without the frames of its loop, which are the same for all items."""
    from procession.launcher.stacks import stacks

    answer = stacks([pid], STACK_SECONDS)[pid].answer
    if answer is None:
        return None
    lines: list[str] = []
    inside = True  # of the item; below it are our own frames, and those of the process's birth
    for line in answer.splitlines():
        inside = not line.startswith("  ") or (inside and "/procession/worker/" not in line)
        if inside:
            lines.append(line)
    return "\n".join(lines).strip()
