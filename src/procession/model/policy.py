"""What holds for each item of a call beyond running it once: limits, retries, stop rules, priorities, a rate.

Knows: the options, what they may be, which of them were chosen.
Must not know: who carries them out.

A call without any of them has no policy, and nothing of this is loaded.
"""

from __future__ import annotations

from procession.model.errors import add_note, shorten
from procession.model.light import TYPE_CHECKING, Any, Record
from procession.model.settings import whole_number
from procession.model.task import ITEM_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypedDict

    from procession.model.outcome import Outcome

    RetryOn = type[BaseException] | tuple[type[BaseException], ...] | Callable[[Outcome[Any]], object]

    class ItemOptions(TypedDict, total=False):
        """What may be chosen for each item of a call. `docs/policies.md` explains it.

        Args:
            time_limit: Seconds that one attempt may run, or "300%" of the median of those that have ended. Then it is
                ended, with all that it has started; another worker takes over.
            soft_time_limit: Seconds after which `SoftTimeLimitExceeded` is raised inside the item.
            total_time_limit: Seconds for the whole call. Then what runs is ended, and nothing more begins.
            retries: How often an item that raised an error is tried again.
            retry_on: Which errors are worth it: types, or a function of the `Outcome`. None: every `Exception`.
            backoff: Seconds before the second attempt; twice as long before each further one, and up to half of it
                more or less by chance, so that not all come back at once.
            retry_deaths: How often an item whose worker died is tried again, alone in its worker.
            halt: When the call stops early: "soon,fail=3" (what runs may end), "now,fail=10%" (it is ended).
            max_errors: Failed items that are tolerated; one more, and nothing else begins.
            priority: Gives each item a number: among those that wait, the highest is next.
            max_per_second: Items that may begin in a second.
        """

        time_limit: float | str | None
        soft_time_limit: float | None
        total_time_limit: float | None
        retries: int
        retry_on: RetryOn | None
        backoff: float
        retry_deaths: int
        halt: str | None
        max_errors: int | None
        priority: Callable[[Any], float] | None
        max_per_second: float | None


LEAST_ENDED = 10  # items of which a share is taken: of the first two, one that failed says little
HALT = (
    'must be as "soon,fail=3" or "now,fail=10%": when (soon or now), what is counted (fail, success or done), how many'
)


class HaltRule(Record):
    """When a call stops early.

    Args:
        now: What runs is ended; else it may end by itself.
        kind: What is counted: "fail", "success" or "done".
        count: So many; 0 where it is a share.
        share: Such a share of the items that have ended, from 0 to 1.
        text: As it was given.
    """

    __slots__ = ("now", "kind", "count", "share", "text")

    def __init__(self, now: bool, kind: str, count: int, share: float, text: str) -> None:
        self.now = now
        self.kind = kind
        self.count = count
        self.share = share
        self.text = text

    def met(self, ended: int, failed: int) -> bool:
        """True if so many items that have ended, and of those that have failed, are enough."""
        counted = {"fail": failed, "success": ended - failed, "done": ended}[self.kind]
        if self.count:
            return counted >= self.count
        return ended >= LEAST_ENDED and counted >= self.share * ended


class Policy(Record):
    """The checked choice of one call.

    Args:
        options: As `ItemOptions` has them.

    Raises:
        ValueError: A value is out of its range.
        TypeError: There is no such option, or a value is of the wrong kind.
    """

    __slots__ = ("time_limit", "time_share", "soft_time_limit", "total_time_limit", "retries", "retry_on", "backoff",
                 "retry_deaths", "halts", "priority", "max_per_second")  # fmt: skip

    def __init__(self, **options: Any) -> None:
        for name in options:
            if name not in ITEM_OPTIONS:
                raise TypeError(f"{name}=: there is no such option; those for items are {', '.join(ITEM_OPTIONS)}")
        get = options.get
        self.time_limit, self.time_share = _time_limit(get("time_limit"))
        self.soft_time_limit = _more_than_nothing("soft_time_limit", get("soft_time_limit"))
        self.total_time_limit = _more_than_nothing("total_time_limit", get("total_time_limit"))
        self.retries = _count("retries", get("retries"))
        self.retry_on = _retry_on(get("retry_on"))
        self.backoff = _pause(get("backoff"))
        self.retry_deaths = _count("retry_deaths", get("retry_deaths"))
        self.halts = _halts(get("halt"), get("max_errors"))
        self.priority = get("priority")
        if self.priority is not None and not callable(self.priority):
            raise TypeError(f"priority={self.priority!r}: must be a function of an item that gives a number, or None")
        self.max_per_second = _more_than_nothing("max_per_second", get("max_per_second"))
        if self.soft_time_limit and self.time_limit and self.soft_time_limit >= self.time_limit:
            raise ValueError(
                f"soft_time_limit={self.soft_time_limit!r}: must be less than time_limit={self.time_limit!r}"
            )

    @property
    def limited(self) -> bool:
        """True if the time of each item is limited."""
        return bool(self.time_limit or self.time_share or self.soft_time_limit)

    @property
    def must_end(self) -> str | None:
        """The first option that may end what runs, which needs processes; None: there is none."""
        for name in ("time_limit", "soft_time_limit", "total_time_limit"):
            if getattr(self, name) or (name == "time_limit" and self.time_share):
                return name
        return "halt" if any(rule.now for rule in self.halts) else None


def rank(priority: Callable[[Any], float], index: int, item: Any) -> float:
    """Ask for the priority of an item.

    Raises:
        ValueError: It is no number that could be compared.
        BaseException: What the function raises, with a note that says which item it was.
    """
    try:
        number = float(priority(item))
        if number != number:
            raise ValueError("priority= gave NaN, which is neither more nor less than another number")
    except BaseException as error:
        add_note(error, f"priority= of item {index} ({shorten(item)})")
        raise
    return number


def chosen_policy(options: Mapping[str, object]) -> Policy | None:
    """Check the options of a call; None if nothing was chosen.

    Raises:
        As `Policy`.
    """
    policy = Policy(**options)
    return policy if any(value is not None for value in options.values()) else None


def _more_than_nothing(name: str, value: object) -> float | None:
    if value is None:
        return None
    number = None if isinstance(value, (str, bytes)) else _number(value)
    if number is None or not 0.0 < number < float("inf"):
        raise ValueError(f"{name}={value!r}: must be a number of more than 0, or None")
    return number


def _count(name: str, value: object) -> int:
    return 0 if value is None else whole_number(name, value)


def _pause(value: object) -> float:
    number = None if isinstance(value, (str, bytes)) else _number(value)
    if value is None or number == 0.0:
        return 0.0
    if number is None or not 0.0 < number < float("inf"):
        raise ValueError(f"backoff={value!r}: must be a number of seconds, 0 or more")
    return number


def _time_limit(value: object) -> tuple[float | None, float | None]:
    """Read seconds, or a share of the median."""
    if not isinstance(value, str):
        if value is not None and (isinstance(value, bytes) or _number(value) is None):
            raise ValueError(f'time_limit={value!r}: must be a number of seconds, or as "300%", or None')
        return _more_than_nothing("time_limit", value), None
    share = _number(value.strip().removesuffix("%"))
    if not value.strip().endswith("%") or share is None or not 100.0 < share < float("inf"):
        raise ValueError(
            f'time_limit={value!r}: must be a number of seconds, or more than "100%" of the median, or None'
        )
    return None, share / 100.0


def _number(value: object) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None


def _retry_on(value: Any) -> Any:
    if value is None:
        return (Exception,)
    kinds = value if isinstance(value, tuple) else (value,)
    if all(isinstance(each, type) and issubclass(each, BaseException) for each in kinds) and kinds:
        return kinds
    if isinstance(value, tuple) or isinstance(value, type) or not callable(value):
        raise TypeError(f"retry_on={value!r}: must be types of errors, or a function of the Outcome, or None")
    return value


def _halts(halt: object, max_errors: object) -> tuple[HaltRule, ...]:
    rules = [] if halt is None else [_halt(halt)]
    if max_errors is not None:
        tolerated = whole_number("max_errors", max_errors)
        rules.append(HaltRule(False, "fail", tolerated + 1, 0.0, f"max_errors={tolerated}"))
    return tuple(rules)


def _halt(value: object) -> HaltRule:
    when, _, what = str(value).partition(",")
    kind, _, amount = what.partition("=")
    number = _number(amount.removesuffix("%"))
    known = when in ("soon", "now") and kind in ("fail", "success", "done")
    if not known or number is None or not 0 < number < float("inf"):
        raise ValueError(f"halt={value!r}: {HALT}")
    if amount.endswith("%"):
        if number > 100:
            raise ValueError(f"halt={value!r}: a share is at most 100%")
        return HaltRule(when == "now", kind, 0, number / 100.0, f"halt={value!r}")
    if number != int(number):
        raise ValueError(f"halt={value!r}: {HALT}")
    return HaltRule(when == "now", kind, int(number), 0.0, f"halt={value!r}")
