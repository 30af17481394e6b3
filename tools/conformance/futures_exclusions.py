"""The tests of CPython's process executor that procession's need not pass: the end of a name, start methods, why."""

from __future__ import annotations

WHOLE = (
    "demands that one dead worker breaks the whole executor; here it costs one future (`tests/futures/test_errors.py`)"
)
REBUILT = (
    "demands that an error in rebuilding one call or result breaks the executor; here that future holds the error "
    "itself, and the others go on (`tests/futures/test_errors.py`)"
)
PRIVATE = "looks at private queues and threads of the standard library's executor"
QUOTA = "demands that `max_tasks_per_child` is refused with fork; here it works (`tests/futures/test_calls.py`)"
PICKLED = (
    "counts processes for calls that are never sent, since their Semaphore cannot be pickled; "
    "`tests/futures/test_calls.py` counts them for calls that run"
)

TABLE: list[tuple[str, tuple[str, ...], str]] = [
    (r"ProcessPoolExecutorTest\.test_killed_child", (), WHOLE),
    (r"\.test_(error|exit)_at_task_unpickle", (), REBUILT),
    (r"\.test_(error|exit)_during_result_unpickle_in_result_handler", (), REBUILT),
    (
        r"ShutdownTest\.test_(del_shutdown|shutdown_no_wait)", (),
        f"{PRIVATE}; `tests/futures/test_ends.py` shows that nothing is lost and no process is left",
    ),
    (r"\.test_python_finalization_error", (), f"{PRIVATE}: lets the second thread fail that it starts"),
    (r"\.test_max_tasks_per_child", ("fork",), QUOTA),
    (r"\.test_max_tasks_per_child_defaults_to_spawn_context", (), QUOTA),
    (
        r"ShutdownTest\.test_cancel_futures", (),
        "demands that a call has begun though no worker was ready yet; here `cancel_futures` cancels all that has not "
        "begun, and nothing else (`tests/futures/test_ends.py`)",
    ),
    (r"\.test_saturation", ("spawn", "forkserver"), PICKLED),
    (
        r"FailingInitializerResourcesTest\.\w+", ("spawn", "forkserver"),
        "demands that the resource tracker was started and ended with 0; here nothing needs one, since locks have no "
        "name (`tests/shared/test_locks.py`)",
    ),
    (r"ShutdownTest\.test_processes_terminate", ("spawn", "forkserver"), PICKLED),
]  # fmt: skip
