"""What is to be reached: the figures of the issue, each a ratio of two medians or one median against a bound.

Knows: names of measures, peers and figures. Must not know: how they were measured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

Figure = tuple[str, str, str]  # measure, peer, figure


@dataclass(frozen=True)
class Target:
    """One line of the table of targets.

    Args:
        what: What is compared.
        top: The figure that is judged.
        bottom: What it is divided by; None for a figure that stands alone.
        least: The value must be at least this.
        most: The value must be at most this.
        unit: Of a figure that stands alone; a ratio has `x`.
        holds_back: Where it is not reached: what is known of the reason.
    """

    what: str
    top: Figure
    bottom: Figure | None = None
    least: float | None = None
    most: float | None = None
    unit: str = "x"
    holds_back: str = ""

    def reached(self, value: float) -> bool:
        """Judge a value."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def bound(self) -> str:
        """Say what is asked for."""
        if self.least is not None:
            return f"at least {self.least:g} {self.unit}"
        return f"at most {self.most:g} {self.unit}"


def _start() -> list[Target]:
    def first(peer: str) -> Figure:
        return ("first-result", peer, "first_result_ms")

    return [
        Target(
            "`import procession` over bare Python", ("import", "procession", "over_bare_python_ms"), most=15, unit="ms"
        ),
        Target("first result, default, over Pool with fork", first("procession"), first("Pool fork"), most=1.0),
        Target(
            "first result, clean nursery, over Pool with fork",
            first("procession nursery"),
            first("Pool fork"),
            most=1.5,
        ),
        Target(
            "first result, clean nursery, over Pool with spawn",
            first("procession nursery"),
            first("Pool spawn"),
            most=1.0,
        ),
        Target(
            "first result, clean nursery, over Pool with forkserver",
            first("procession nursery"),
            first("Pool forkserver"),
            most=1.0,
        ),
    ]


def _calls() -> list[Target]:
    def median(peer: str) -> Figure:
        return ("call", peer, "median_us")

    def burst(peer: str) -> Figure:
        return ("burst", peer, "per_second")

    executor, pool, submit = "ProcessPoolExecutor", "Pool fork", "procession submit"
    return [
        Target("one call after another, `apply`: Pool.apply over ours", median(pool), median("procession"), least=1.7),
        Target("`submit().result()`: ProcessPoolExecutor over ours", median(executor), median(submit), least=2.5),
        Target("`apply`: p99 over the median", ("call", "procession", "p99_over_median"), most=4),
        Target("`submit().result()`: p99 over the median", ("call", submit, "p99_over_median"), most=4),
        Target("20,000 `apply_async` over Pool's", burst("procession"), burst(pool), least=2.5),
        Target("20,000 `submit` over ProcessPoolExecutor's", burst(submit), burst(executor), least=4),
    ]


def _streams() -> list[Target]:
    found = []
    for size, least in (("1e3", 1.0), ("1e4", 1.0), ("1e5", 0.85), ("1e6", 0.85)):
        ours, pools = ((f"map-{size}", peer, "items_per_second") for peer in ("procession", "Pool fork"))
        found.append(Target(f"`map` of {size} trivial items over Pool.map", ours, pools, least=least))
    for measure, name in (("imap", "`imap`"), ("imap-unordered", "`imap_unordered`")):
        for peer, least in (("joblib", 2), ("Pool fork", 25)):
            ours, other = ((measure, which, "items_per_second") for which in ("procession", peer))
            found.append(Target(f"{name} of 200,000 from a generator over {peer}", ours, other, least=least))
        ahead = (measure, "procession", "read_ahead_items")
        found.append(Target(f"{name}: input read ahead of the first result", ahead, most=1000, unit="items"))
    for measure, name, most in (
        ("mixed-shuffled", "mixed items, shuffled", 1.04),
        ("mixed-long-last", "mixed items, long ones last", 1.03),
        ("mixed-unordered", "mixed items, unordered", 1.03),
    ):
        found.append(Target(f"{name}, over the ideal time", (measure, "procession", "over_ideal"), most=most))
    return found


def _robustness() -> list[Target]:
    def busy(figure: str) -> Figure:
        return ("busy-death", "procession", figure)

    return [
        Target("a busy worker is killed: the next result", busy("next_result_ms"), most=5, unit="ms"),
        Target("a busy worker is killed: full strength", busy("full_strength_ms"), most=25, unit="ms"),
        Target("a busy worker is killed: its item answered", busy("item_answered_ms"), most=25, unit="ms"),
        Target(
            "an idle worker is killed: the next result",
            ("idle-death", "procession", "next_result_ms"),
            most=25,
            unit="ms",
        ),
        Target("5 million items through `imap`: growth", ("long-stream", "procession", "grown_mb"), most=10, unit="MB"),
        Target(
            "an endless input, a slow reader: growth", ("slow-reader", "procession", "grown_mb"), most=10, unit="MB"
        ),
        Target("an idle pool: wake-ups", ("idle", "procession", "wake_ups_per_second"), most=0, unit="a second"),
        Target("an idle pool: CPU time", ("idle", "procession", "cpu_ms_per_second"), most=0, unit="ms a second"),
        Target("an idle pool of 2: memory", ("idle", "procession", "memory_mb"), most=24, unit="MB"),
        Target(
            "an idle pool of 2, clean nursery: memory", ("idle", "procession nursery", "memory_mb"), most=24, unit="MB"
        ),
    ]


def _many_workers() -> list[Target]:
    found = []
    for workers in (2, 8, 32, 128):
        for figure, name in (("first_result_ms", "first result"), ("all_at_work_ms", "all at work")):
            ours, pools = ((f"workers-{workers}", peer, figure) for peer in ("procession", "Pool fork"))
            found.append(Target(f"{workers} workers: {name}, over Pool with fork", ours, pools, most=1.0))
    many, two = ((f"workers-{workers}", "procession", "map_items_per_second") for workers in (128, 2))
    found.append(Target("tiny `map` with 128 workers over our own with 2", many, two, least=0.6))
    return found


def _buffers() -> list[Target]:
    """Figures of another machine of this kind: they tell whether data moves at memory speed at all."""
    out = "array-out"
    return [
        Target("a 64 MB array in, with its sum", ("array-in", "procession", "gb_per_second"), least=3.5, unit="GB/s"),
        Target("64 MB out, kept", (out, "procession", "kept_gb_per_second"), least=2.4, unit="GB/s"),
        Target("64 MB out, dropped", (out, "procession", "dropped_gb_per_second"), least=4.5, unit="GB/s"),
        Target("1 MB in and out, 500 times", ("array-both", "procession", "gb_per_second"), least=2.0, unit="GB/s"),
        Target("a partial over 100 MB, 200 tasks", ("large-partial", "procession", "seconds"), most=0.09, unit="s"),
        Target(
            "joblib.Parallel over 64 arrays of 8 MB, over joblib's own memory mapping",
            ("parallel-arrays", "procession", "gb_per_second"),
            ("parallel-arrays", "joblib", "gb_per_second"),
            least=1.0,
        ),
    ]


def _shared() -> list[Target]:
    def queue(peer: str) -> Figure:
        return ("queue-small", peer, "per_second")

    def held(peer: str, figure: str) -> Figure:
        return ("shared-dict", peer, figure)

    found = [
        Target(f"small messages through a queue, over {peer}", queue("procession"), queue(peer), least=2.5)
        for peer in ("multiprocessing", "multiprocessing SimpleQueue", "faster-fifo")
    ]
    found += [
        Target(f"`{name}`: acquire and release", ("locks", "procession", f"{name.lower()}_ns"), most=1000, unit="ns")
        for name in ("Lock", "RLock", "Semaphore")
    ]
    for figure in ("sets", "gets"):
        for how in ("", "batched_"):
            name = f"{how}{figure}_per_second"
            what = f"SharedDict, {'many ' if how else ''}{figure}, over lmdb by hand"
            found.append(Target(what, held("procession", name), held("lmdb", name), least=0.5))
    return found


def _thumbs() -> list[Target]:
    def rate(peer: str) -> Figure:
        return ("thumbs", peer, "photos_per_second")

    return [
        Target("thumbs over the plain script under Pool", rate("procession"), rate("plain Pool"), least=1.1),
        Target("thumbs over our own with one process", rate("procession"), rate("procession -j 1"), least=1.9),
        Target(
            "thumbs over the plain script in one process", rate("procession"), rate("plain, one process"), least=1.9
        ),
    ]


# What is known of the reasons, by the beginning of a target's name; shown where it is not reached.
HOLDS_BACK = {
    "first result, default": "a fork more than Pool has (the nursery's, 2 ms); 18 small modules more (3 ms)",
    "first result, clean nursery, over Pool with fork": (
        "a second interpreter starts (8 ms) and imports us (14 ms, of which pickle, socket and threading are 6)"
    ),
    "`map` of 1e4": "two batches of 5,000, pickled and rebuilt by the parent, which shares the two cores with them",
    "`imap`: input read": "the function was measured in the warm-up, so its batches begin large: some batches, not one",
    "`imap_unordered`: input read": "as for `imap`",
    "an idle pool of 2": "one process more than Pool has: the nursery, with 2 MB of pages of its own",
    "2 workers: first result": "each pool forks a snapshot of the caller first, which then forks the workers",
    "2 workers: all at work": "as for the first result",
    "8 workers: all at work": (
        "the nursery forks one after another, and a worker begins with 1.5 ms of CPU time, one of Pool with 1.0: the "
        "rest is its mapping, session, lifeline and channel (130 first touches of memory more)"
    ),
    "32 workers: all at work": "as with 8",
    "128 workers: all at work": "as with 8",
    "first result, clean nursery, over Pool with spawn": "as over Pool with fork",
    "joblib.Parallel over 64": (
        "joblib finds arrays that it wrote before, and copies none from the second call on; here each call copies"
    ),
    "small messages through a queue, over multiprocessing SimpleQueue": (
        "a message is some 40 steps of Python on each side, 1.1 us; its own is a pickle and one system call"
    ),
    "thumbs over our own": "a third process, the parent, has work too: it decides, reports and writes progress",
}


def _explained(target: Target) -> Target:
    reason = next((text for start, text in HOLDS_BACK.items() if target.what.startswith(start)), "")
    return replace(target, holds_back=reason)


def _managers() -> list[Target]:
    def rate(measure: str, peer: str) -> Figure:
        return (f"manager-{measure}", peer, "per_second")

    return [
        Target(
            f"a manager's dict: {what} over multiprocessing's single {one}",
            rate(measure, "procession"),
            rate(one, "Manager"),
            least=least,
        )
        for what, measure, one, least in (
            ("one set after another", "set", "set", 2.0),
            ("one get after another", "get", "get", 2.0),
            ("1,000 items in one update, each,", "batch-set", "set", 20.0),
            ("1,000 items in one get_many, each,", "batch-get", "get", 20.0),
        )
    ]


def _durable() -> list[Target]:
    def ours(measure: str, figure: str) -> Figure:
        return (measure, "procession", figure)

    return [
        Target("a journal for items of 1 ms, over none", ours("journal-1ms", "ratio"), most=1.1),
        Target("a journal for tiny items, each", ours("journal-tiny", "added_us_per_item"), most=20, unit="us"),
        Target(
            "`procession exec -- true` over xargs -P", ours("exec", "per_second"), ("exec", "xargs -P", "per_second"),
            least=0.7,
        ),
        Target(
            "`procession exec -- true` over GNU parallel", ours("exec", "per_second"),
            ("exec", "GNU parallel", "per_second"), least=2.0,
        ),
        Target("thumbs again, 10,000 files", ours("thumbs-again", "again_s"), most=2.0, unit="s"),
        Target("an item over its limit of 1 s in C code ends after", ours("time-limit", "ended_after_s"), most=1.3,
               unit="s"),
    ]  # fmt: skip


_ALL = [
    *_durable(),
    *_start(),
    *_calls(),
    *_streams(),
    *_robustness(),
    *_many_workers(),
    *_buffers(),
    *_shared(),
    *_managers(),
    *_thumbs(),
]
TARGETS = [_explained(target) for target in _ALL]
