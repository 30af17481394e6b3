"""Which measure is taken of which peers, how often, and how long a cell may take.

Knows: names only; a measure is loaded in its cell's own process.
"""

from __future__ import annotations

from dataclasses import dataclass

OURS = ("procession", "procession nursery")
STARTS = ("Pool fork", "Pool spawn", "Pool forkserver")
LIBRARIES = ("loky", "mpire", "pebble")
ALL = (*OURS, *STARTS, "ProcessPoolExecutor", *LIBRARIES)
BATCHED = (*OURS, "Pool fork", "joblib", "mpire")  # those that send more than one item at a time by default
BUFFERED = ("procession", "procession nursery", "Pool fork", "ProcessPoolExecutor", "loky", "mpire")
ROUNDS = 5


@dataclass(frozen=True)
class Measure:
    """One row of cells.

    Args:
        title: What it measures, for the report.
        run: `module:function` below `benchmarks.measures`.
        peers: The columns.
        rounds: How many cells of each peer in a full run.
        limit: Seconds for a cell; what takes longer hangs.
        may_hang: A hang is a peer's result here, known and reported: a quick run waits for it only briefly.
    """

    title: str
    run: str
    peers: tuple[str, ...]
    rounds: int = ROUNDS
    limit: float = 120.0
    may_hang: bool = False


MEASURES: dict[str, Measure] = {
    "import": Measure(
        "import of a module, over bare Python",
        "start:import_time",
        (
            "procession",
            "procession.Pool",
            "multiprocessing.pool",
            "concurrent.futures.process",
            "loky",
            "joblib",
            "mpire",
            "pebble",
        ),
    ),
    "first-result": Measure(
        "script start to the first result of a pool of 2",
        "start:first_result",
        ("bare", *ALL),
        rounds=12,
    ),
    "first-result-main": Measure(
        "the same, the function living in the script",
        "start:first_result_main",
        ("procession", "procession nursery", "Pool fork", "Pool spawn", "ProcessPoolExecutor"),
        rounds=12,
    ),
    "call": Measure(
        "one tiny call after another",
        "calls:one_after_another",
        ("bare socket pair", "procession", "procession submit", "procession nursery", *ALL[2:]),
        rounds=7,
    ),
    "call-main": Measure(
        "the same, the function living in `__main__`",
        "calls:one_after_another_main",
        ("procession", "procession submit", "Pool fork", "ProcessPoolExecutor"),
    ),
    "burst": Measure(
        "20,000 calls submitted, then gathered",
        "calls:many_at_once",
        (
            "bare futures",
            "procession",
            "procession submit",
            "procession nursery",
            "Pool fork",
            "ProcessPoolExecutor",
            *LIBRARIES,
        ),
    ),
    "map-1e3": Measure("map of 1,000 trivial items", "streams:map_1e3", (*BATCHED, "ProcessPoolExecutor")),
    "map-1e4": Measure("map of 10,000 trivial items", "streams:map_1e4", (*BATCHED, "ProcessPoolExecutor")),
    "map-1e5": Measure("map of 100,000 trivial items", "streams:map_1e5", BATCHED),
    "map-1e6": Measure("map of 1,000,000 trivial items", "streams:map_1e6", BATCHED, rounds=3),
    "imap": Measure(
        "imap of 200,000 trivial items from a generator",
        "streams:ordered",
        (*BATCHED, "ProcessPoolExecutor", "pebble"),
        rounds=3,
    ),
    "imap-unordered": Measure("imap_unordered of the same", "streams:unordered", BATCHED, rounds=3),
    "mixed-shuffled": Measure(
        "180 items of 1 ms and 20 of 100 ms through map, shuffled",
        "balance:shuffled",
        (*BATCHED, "ProcessPoolExecutor"),
    ),
    "mixed-long-last": Measure(
        "the same, the long ones last",
        "balance:long_last",
        (*BATCHED, "ProcessPoolExecutor"),
    ),
    "mixed-unordered": Measure("the same, shuffled, in the order of finishing", "balance:unordered", BATCHED),
    "busy-death": Measure(
        "a busy worker is killed",
        "deaths:busy_worker",
        (*OURS, "Pool fork", "ProcessPoolExecutor", *LIBRARIES),
        rounds=3,
        limit=90.0,
        may_hang=True,
    ),
    "idle-death": Measure(
        "each idle worker is killed in turn",
        "deaths:idle_workers",
        (*OURS, "Pool fork", "ProcessPoolExecutor", *LIBRARIES),
        rounds=3,
        limit=20.0,
        may_hang=True,
    ),
    "long-stream": Measure(
        "5 million items through imap (peers: 1 million)",
        "memory:long_stream",
        ("procession", "Pool fork", "joblib", "mpire"),
        rounds=2,
        limit=300.0,
    ),
    "slow-reader": Measure(
        "an endless input, one result read each 10 ms for 10 s (peers end at 1 million)",
        "memory:slow_reader",
        ("procession", "Pool fork", "joblib", "mpire", "pebble"),
        rounds=2,
        limit=300.0,
    ),
    "idle": Measure(
        "an idle pool of 2 over 10 s, all its processes",
        "idle:idle_pool",
        (*OURS, "Pool fork", "ProcessPoolExecutor", *LIBRARIES),
        rounds=2,
    ),
    "workers-2": Measure("a pool of 2", "many_workers:workers_2", (*OURS, "Pool fork", "ProcessPoolExecutor")),
    "workers-8": Measure("a pool of 8", "many_workers:workers_8", (*OURS, "Pool fork", "ProcessPoolExecutor")),
    "workers-32": Measure("a pool of 32", "many_workers:workers_32", (*OURS, "Pool fork", "ProcessPoolExecutor")),
    "workers-128": Measure("a pool of 128", "many_workers:workers_128", (*OURS, "Pool fork"), rounds=3),
    "array-in": Measure("a 64 MB array in, with its sum", "buffers:array_in", (*BUFFERED, "joblib"), rounds=3),
    "array-out": Measure("a 64 MB array out", "buffers:array_out", BUFFERED, rounds=3),
    "array-both": Measure("1 MB in and out, 500 times", "buffers:there_and_back", BUFFERED, rounds=3),
    "large-partial": Measure(
        "200 tasks of a partial over a 100 MB array", "buffers:large_partial", ("procession", "Pool fork", "joblib"), 3
    ),
    "parallel-arrays": Measure(
        "joblib.Parallel over 64 arrays of 8 MB", "buffers:parallel_arrays", ("procession", "joblib"), rounds=3
    ),
    "queue-small": Measure(
        "small messages through a queue, one by one",
        "shared:small_messages",
        (
            "procession",
            "procession SimpleQueue",
            "multiprocessing",
            "multiprocessing SimpleQueue",
            "faster-fifo",
        ),
    ),
    "queue-large": Measure(
        "arrays of 8 MB through a queue", "shared:large_messages", ("procession", "multiprocessing"), rounds=3
    ),
    "locks": Measure(
        "acquire and release, uncontended", "shared:lock_pair", ("procession", "multiprocessing"), rounds=3
    ),
    "counter": Measure(
        "a counter with its lock, 8 processes", "shared:counter", ("procession", "multiprocessing"), rounds=3
    ),
    "shared-dict": Measure(
        "sets and gets: SharedDict, lmdb by hand, a manager's dict",
        "shared:dict_in_a_file",
        ("procession", "lmdb", "multiprocessing"),
        rounds=3,
    ),
    "manager-set": Measure("a manager's dict: one set after another", "managers:set_one", ("procession", "Manager")),
    "manager-get": Measure("one get after another", "managers:get_one", ("procession", "Manager")),
    "manager-batch-set": Measure("1,000 items in one update", "managers:set_many", ("procession", "Manager")),
    "manager-batch-get": Measure("1,000 items in one get_many", "managers:get_many", ("procession",)),
    "journal-1ms": Measure(
        "10,000 items of 1 ms, with a journal and without", "durable:journal_of_long_items", ("procession",), rounds=3
    ),
    "journal-tiny": Measure(
        "1,000,000 tiny items: what the journal adds",
        "durable:journal_of_tiny_items",
        ("procession",),
        rounds=3,
        limit=300.0,
    ),
    "exec": Measure(
        "5,000 times `true`, whole commands", "durable:commands", ("procession", "xargs -P", "GNU parallel"), rounds=5
    ),
    "thumbs-again": Measure(
        "thumbs of 10,000 files again, nothing changed", "durable:thumbs_again", ("procession",), rounds=3, limit=300.0
    ),
    "time-limit": Measure(
        "a limit of 1 s on C code that never returns", "durable:time_limit", ("procession",), rounds=5
    ),
    "thumbs": Measure(
        "300 photographs to 256 px, whole processes",
        "thumbs:thumbs",
        (
            "procession",
            "procession -j 1",
            "plain Pool",
            "plain, one process",
            "decode only",
            "pyvips Pool",
            "vipsthumbnail",
            "mogrify",
            "gm mogrify",
        ),
        rounds=7,
    ),
    "quality": Measure(
        "thumbnails against a full decode with LANCZOS, difference of 255",
        "quality:quality",
        ("procession thumbs", "reducing_gap=1.0", "reducing_gap=2.0", "reducing_gap=3.0"),
        rounds=1,
    ),
}
