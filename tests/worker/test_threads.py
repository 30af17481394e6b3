"""Inner threads: all workers together start about as many as there are CPUs, unless the user has decided otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

import procession
from procession.launcher import host
from procession.worker import threads

CPUS = host.worker_count({}).count


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)


def variables(_: object = None) -> dict[str, str]:
    return {name: os.environ[name] for name in threads.VARIABLES if name in os.environ}


def pools(_: object = None) -> list[tuple[str, int]]:
    """What the loaded libraries say, asked by somebody else's code."""
    import numpy  # noqa: F401
    import threadpoolctl

    return [(each["internal_api"], each["num_threads"]) for each in threadpoolctl.threadpool_info()]


@pytest.mark.short
def test_the_cpus_are_shared(start_method: str | None) -> None:
    for workers in (1, 2, 3):
        with procession.Pool(workers, context=start_method) as pool:
            share = str(max(1, CPUS // workers))
            assert pool.apply(variables) == dict.fromkeys(threads.VARIABLES, share)
    assert variables() == {}


def test_who_asks_for_a_number_gets_it(start_method: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    with procession.Pool(2, context=start_method, threads_per_worker=3) as pool:
        assert pool.apply(variables) == dict.fromkeys(threads.VARIABLES, "3")
    with procession.Pool(1, context=start_method, threads_per_worker=1) as pool:
        assert {count for _, count in pool.apply(pools)} == {1}


def test_what_the_user_has_set_stays(start_method: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    with procession.Pool(CPUS, context=start_method) as pool:
        assert pool.apply(variables) == dict.fromkeys(threads.VARIABLES, "1") | {"MKL_NUM_THREADS": "7"}
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    with procession.Pool(CPUS, context=start_method) as pool:
        assert pool.apply(variables) == {"MKL_NUM_THREADS": "7", "OMP_NUM_THREADS": "5"}


@pytest.mark.parametrize("method, preload", [("fork", ()), ("nursery", ("numpy",)), ("spawn", ())])
def test_loaded_libraries_are_told(run_script: Any, method: str, preload: tuple[str, ...]) -> None:
    """`fork`: numpy comes with the worker. `nursery`: with its preloaded nursery. `spawn`: it comes later."""
    done = run_script(f"""
        import numpy, procession

        def pools(_):
            import numpy, threadpoolctl
            return sorted({{each["num_threads"] for each in threadpoolctl.threadpool_info()}})

        if __name__ == "__main__":
            for options in ({{}}, {{"threads_per_worker": 3}}):
                with procession.Pool({2 * CPUS}, context={method!r}, preload={preload!r}, **options) as pool:
                    print(pool.apply(pools, (0,)))
    """)
    assert done.stdout == "[1]\n[3]\n", done


def inner(_: object = None) -> tuple[str, str]:
    with procession.Pool(2, context="fork") as pool:
        return os.environ[threads.MASTER], pool.apply(variables)[threads.MASTER]


def test_a_pool_in_a_worker_shares_what_the_worker_has() -> None:
    with procession.Pool(1, context="fork") as pool:
        assert pool.apply(inner) == (str(CPUS), str(max(1, CPUS // 2)))


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "2"])
def test_a_wrong_number_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="threads_per_worker=.*: must be a whole number of 1 or more, or None"):
        procession.Pool(1, threads_per_worker=wrong)


ENVIRONMENTS = st.dictionaries(st.sampled_from([*threads.VARIABLES, "HOME"]), st.sampled_from(["1", "9"]))


@given(ENVIRONMENTS, st.integers(1, 64))
def test_the_user_s_choice_is_never_written_over(environ: dict[str, str], count: int) -> None:
    chosen = threads.choose(environ, count, False)
    assert not set(chosen) & set(environ)
    assert set(chosen) <= set(threads.VARIABLES) and set(chosen.values()) <= {str(count)}
    if threads.MASTER in environ:
        assert not chosen
    else:
        assert set(chosen) == set(threads.VARIABLES) - set(environ)


@pytest.fixture
def outer() -> Iterator[None]:
    threads._ours.update(threads.VARIABLES)
    yield
    threads._ours.clear()


def test_what_an_outer_pool_has_set_is_nobody_s_choice(outer: None) -> None:
    environ = dict.fromkeys(threads.VARIABLES, "4")
    assert threads.choose(environ, 2, False) == dict.fromkeys(threads.VARIABLES, "2")


@pytest.mark.parametrize("backend", ["threads", "serial"])
@pytest.mark.parametrize("option", [{"threads_per_worker": 1}, {"capture_output": True}])
def test_what_belongs_to_a_process_is_refused_without_one(backend: Any, option: Any) -> None:
    with pytest.raises(ValueError, match="goes with backend='processes' only"):
        procession.Pool(1, backend=backend, **option)
