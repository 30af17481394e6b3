"""The figures of a run: its errors by type, its slowest items, how busy its workers were.

Knows: the entries of a journal, read once.
Must not know: how they are shown.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from procession.cli.report import one_line

_SLOWEST = 5
_KEPT = 1000  # named items of one type of error


class Worker(NamedTuple):
    """What one worker has done.

    Args:
        pid: Its process id.
        items: How many items it ended.
        seconds: How long these ran.
    """

    pid: int
    items: int
    seconds: float


@dataclass
class Group:
    """The items that failed with one type of error.

    Args:
        kind: The type.
        count: How many.
        trace: The traceback of the first one.
        items: Their names and messages, up to a thousand.
    """

    kind: str
    count: int = 0
    trace: str = ""
    items: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Figures:
    """All that is told of a run.

    Args:
        run: Its name.
        journal: Its file.
        function: What runs on each item.
        sessions: How many calls or commands have worked on it.
        done: How many items have a result.
        failed: How many failed.
        left: How many were read and have not ended.
        whole: The input was read to its end, and nothing is left.
        errors: By type, the most frequent first.
        slowest: Seconds and names.
        workers: Those of all sessions, the busiest first.
    """

    run: str
    journal: str
    function: str
    sessions: int
    done: int
    failed: int
    left: int
    whole: bool
    errors: list[Group]
    slowest: list[tuple[float, str]]
    workers: list[Worker]

    def as_json(self) -> dict[str, Any]:
        """Give them as plain values."""
        errors = {
            each.kind: {
                "count": each.count,
                "traceback": each.trace,
                "items": [{"item": name, "message": message} for name, message in each.items],
            }
            for each in self.errors
        }
        slowest = [{"item": name, "seconds": round(seconds, 6)} for seconds, name in self.slowest]
        workers = [each._asdict() for each in self.workers]
        return {**self.__dict__, "errors": errors, "slowest": slowest, "workers": workers}


def gather(found: Any) -> Figures:
    """Gather the figures of a `procession.Run`."""
    groups: dict[str, Group] = {}
    slowest: list[tuple[float, str]] = []
    busy: dict[int, tuple[int, float]] = {}
    for entry in _once(found.table()):
        if entry.error_type is not None:
            _add(groups.setdefault(entry.error_type, Group(entry.error_type)), entry)
        if entry.seconds is not None and entry.worker is not None:
            items, seconds = busy.get(entry.worker, (0, 0.0))
            busy[entry.worker] = items + 1, seconds + entry.seconds
            push = heapq.heappush if len(slowest) < _SLOWEST else heapq.heappushpop
            push(slowest, (entry.seconds, entry.name))
    counts, facts = found.counts, found.facts
    workers = [Worker(pid, items, round(seconds, 6)) for pid, (items, seconds) in busy.items()]
    return Figures(
        run=found.name,
        journal=found.path,
        function=str(facts.get("function", "")),
        sessions=facts["sessions"],
        done=counts.done,
        failed=counts.failed,
        left=counts.left,
        whole=counts.whole,
        errors=sorted(groups.values(), key=lambda each: -each.count),
        slowest=sorted(slowest, reverse=True),
        workers=sorted(workers, key=lambda each: -each.seconds),
    )


def facts_of(entry: Any) -> dict[str, Any]:
    """Give an item as plain values."""
    facts: dict[str, Any] = entry._asdict()
    return {"item": facts.pop("name"), **facts}


def _once(entries: Iterator[Any]) -> Iterator[Any]:
    """Leave out further places of an item; so many keys are kept as there are items."""
    seen: set[bytes] = set()
    for entry in entries:
        key = bytes.fromhex(entry.key)
        if key not in seen:
            seen.add(key)
            yield entry


def _add(group: Group, entry: Any) -> None:
    group.count += 1
    group.trace = group.trace or (entry.error_traceback or "")
    if len(group.items) < _KEPT:
        group.items.append((entry.name, one_line(entry.error_message or "")))
