"""Results to tables: what was asked for, what was reached, and all peers side by side.

Knows: results, targets and the matrix. Writes no host names and no paths.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable
from typing import Any

from benchmarks.matrix import MEASURES
from benchmarks.runner import Result
from benchmarks.targets import TARGETS, Figure, Target

Samples = dict[Figure, list[float]]


def gather(results: Iterable[Result]) -> Samples:
    """Bring the samples of all rounds together, by measure, peer and figure."""
    samples: Samples = {}
    for result in results:
        for name, values in result.figures.items():
            samples.setdefault((result.measure, result.peer, name), []).extend(values)
    return samples


def value_of(target: Target, samples: Samples) -> float | None:
    """The median, or the ratio of medians, that a target judges; None where a figure is missing."""
    if target.top not in samples or (target.bottom and target.bottom not in samples):
        return None
    top = statistics.median(samples[target.top])
    if not target.bottom:
        return top
    return top / statistics.median(samples[target.bottom])


def targets_table(results: list[Result], measures: Iterable[str]) -> list[list[str]]:
    """The rows of the table of targets, for the measures that were run."""
    samples, wanted = gather(results), set(measures)
    rows = [["what", "to reach", "here", "reached"]]
    for target in TARGETS:
        if target.top[0] not in wanted:
            continue
        value = value_of(target, samples)
        if value is None:
            rows.append([target.what, target.bound(), "not measured", "-"])
        else:
            rows.append([target.what, target.bound(), f"{number(value)} {target.unit}", _verdict(target, value)])
    return rows


def _verdict(target: Target, value: float) -> str:
    return "yes" if target.reached(value) else "**no**"


def peers_table(name: str, results: list[Result]) -> list[list[str]]:
    """One measure: a row for each peer, a column for each figure, then what else came of it."""
    own = [result for result in results if result.measure == name]
    samples = gather(own)
    figures = list(dict.fromkeys(figure for result in own for figure in result.figures))
    rows = [["peer", *(figure.replace("_", " ") for figure in figures), ""]]
    for peer in MEASURES[name].peers:
        mine = [result for result in own if result.peer == peer]
        if mine:
            cells = [spread(samples.get((name, peer, figure), [])) for figure in figures]
            rows.append([peer, *cells, _remarks(mine)])
    return rows if any(row[-1] for row in rows) else [row[:-1] for row in rows]


def _remarks(results: list[Result]) -> str:
    found: Counter[str] = Counter()
    for result in results:
        for name, values in result.facts.items():
            found.update(f"{name.replace('_', ' ')}: {value}" for value in values)
    remarks = [text for text, _ in found.most_common()]
    for status in ("hangs", "error"):
        count = sum(result.status == status for result in results)
        if count:
            remarks.append(f"**{status}** ({count} of {len(results)})")
    left = sum(result.left_running for result in results)
    if left:
        remarks.append(f"left {left} processes running")
    return "; ".join(remarks)


def spread(values: list[float]) -> str:
    """The median, and the quartiles where there are enough samples."""
    if not values:
        return "-"
    text = number(statistics.median(values))
    if len(values) >= 4:
        low, _, high = statistics.quantiles(values, n=4)
        if number(low) != number(high):
            text += f" ({number(low)}-{number(high)})"
    return text


def number(value: float) -> str:
    """A number with three digits that mean something."""
    if value == 0:
        return "0"
    if abs(value) >= 999_500:
        return f"{value / 1e6:.3g} M"
    if abs(value) >= 9_995:
        return f"{value / 1e3:.3g} k"
    if abs(value) >= 99.5:
        return f"{value:.0f}"
    return f"{value:.3g}"


def markdown(rows: list[list[str]]) -> str:
    """A table in Markdown."""
    head, *body = rows
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in body]
    return "\n".join(lines)


def plain(rows: list[list[str]]) -> str:
    """A table for the terminal."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def document(results: list[Result], machine: dict[str, Any]) -> str:
    """All of RESULTS.md."""
    run = [name for name in MEASURES if any(result.measure == name for result in results)]
    parts = [
        "# Benchmarks",
        "Written by `make bench`; do not edit. Each cell is a process of its own, in rounds of shuffled order, on a "
        "machine that others may use at the same time: read ratios within this run, not times.\n"
        "A figure is the median of all samples of all rounds, the quartiles in brackets.",
        "\n".join(f"- {name}: {value}" for name, value in machine.items()),
        "## Targets",
        markdown(targets_table(results, run)),
        _held_back(results, run),
        "## Side by side",
    ]
    for name in run:
        parts += [f"### {name}: {MEASURES[name].title}", markdown(peers_table(name, results))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _held_back(results: list[Result], run: list[str]) -> str:
    samples = gather(results)
    lines = []
    for target in TARGETS:
        value = value_of(target, samples)
        if target.top[0] in run and value is not None and not target.reached(value):
            lines.append(f"- {target.what}: {target.holds_back or 'not looked into yet'}")
    return "\n".join(["### What holds back", "", *lines]) if lines else ""
