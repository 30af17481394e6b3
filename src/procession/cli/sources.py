"""The input sources of `procession exec`: several of them are combined, or linked.

Knows: `:::` and its kin on a command line, and what GNU parallel makes of several sources.
Must not know: how lines are read, or what is run.

Sources are combined each with each, the last one changing fastest; only the first is read as it is needed, the others
are held. Linked ones are read side by side: by `:::+` up to the end of the shorter one, by `--link` up to the end of
the longest, the shorter ones beginning again.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from procession.cli import inputs
from procession.cli.records import InputRefused

_MARKS = (":::", ":::+", "::::", "::::+")
_STDIN = "-"
Values = tuple[str, ...]


class Source(NamedTuple):
    """One input source.

    Args:
        texts: Inputs, or files whose lines are inputs.
        files: They are files.
        linked: It goes side by side with the source before it.
    """

    texts: tuple[str, ...]
    files: bool
    linked: bool


def split(words: Sequence[str]) -> tuple[tuple[str, ...], list[Source]]:
    """Part the words of a command line into those before the first `:::` and the sources behind.

    Args:
        words: `CMD ARG... ::: a b :::: FILE`.
    """
    places = [at for at, word in enumerate(words) if word in _MARKS]
    sources = []
    for at, end in itertools.pairwise([*places, len(words)]):
        mark = words[at]
        sources.append(Source(tuple(words[at + 1 : end]), mark.startswith("::::"), mark.endswith("+")))
    return tuple(words[: places[0]] if places else words), sources


def open_all(sources: Sequence[Source], *, null: bool, link: bool) -> tuple[Iterator[Values], int | None]:
    """Open all sources, and give their combinations and the number of these, where it is known.

    Args:
        sources: None at all is standard input.
        null: Inputs that are read end with a NUL byte.
        link: All go side by side, and shorter ones begin again.

    Raises:
        InputRefused: One cannot be read, two of them are standard input, or there is none and that is a terminal.
    """
    if not sources:
        lines, _ = inputs.open_inputs((), (), null=null)
        return zip(lines), None
    if sum(each.texts.count(_STDIN) for each in sources) > 1:
        raise InputRefused(name=_STDIN, reason="standard input can be read once only; write it to a file for -a FILE")
    groups: list[list[tuple[Iterable[str], int | None]]] = []
    for each in sources:
        opened = _open(each, null)
        if groups and (each.linked or link):
            groups[-1].append(opened)
        else:
            groups.append([opened])
    along: Callable[..., Iterator[Values]] = _recycled if link else zip
    rows = [along(*(items for items, _ in group)) for group in groups]
    counts = [_count([total for _, total in group], max if link else min) for group in groups]
    known = [count for count in counts if count is not None]
    return _combined(rows), math.prod(known) if len(known) == len(counts) else None


def _open(source: Source, null: bool) -> tuple[Iterable[str], int | None]:
    if not source.texts:  # `:::` with nothing behind it, as of a pattern that matches nothing
        return (), 0
    return inputs.open_inputs(*((), source.texts) if source.files else (source.texts, ()), null=null)


def _count(totals: list[int | None], choose: Callable[[list[int]], int]) -> int | None:
    known = [total for total in totals if total is not None]
    return choose(known) if len(known) == len(totals) else None


def _combined(rows: list[Iterator[Values]]) -> Iterator[Values]:
    first, *others = rows
    if not others:
        yield from first
        return
    held = [list(row) for row in others]
    for row in first:
        for combination in itertools.product(*held):
            yield row + tuple(itertools.chain.from_iterable(combination))


def _recycled(*columns: Iterable[str]) -> Iterator[Values]:
    """Read columns side by side up to the end of the longest; those that have ended begin again."""
    running: list[Iterator[str] | None] = [iter(column) for column in columns]
    seen: list[list[str]] = [[] for _ in columns]
    for number in itertools.count():
        row = []
        for at, column in enumerate(running):
            value = next(column, None) if column is not None else None
            if value is None:
                running[at] = None
                if not seen[at] or all(each is None for each in running):
                    return
                value = seen[at][number % len(seen[at])]
            elif len(columns) > 1:
                seen[at].append(value)
            row.append(value)
        yield tuple(row)
