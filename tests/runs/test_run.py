"""`procession.run`: the same call does what is left, whatever has happened to the input or to the function."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import procession
from procession.runs.live import LiveRun
from tests.runs import work
from tests.runs.work import double, large, odd_fails, ran


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAN", str(tmp_path))
    return tmp_path


def results(run: procession.Run[Any]) -> list[Any]:
    with run:
        return list(run.results())


def test_same_call_again_does_nothing_anew(folder: Path) -> None:
    journal = folder / "run.db"
    first = results(procession.run(double, range(20), journal=journal, processes=2))
    assert first == [(number, number * 2) for number in range(20)]
    assert len(ran(folder)) == 20
    assert results(procession.run(double, range(20), journal=journal, processes=2)) == first
    assert ran(folder) == []


@pytest.mark.parametrize("backend", ["processes", "threads", "serial"])
def test_lines_added_removed_and_reordered(folder: Path, backend: Any) -> None:
    journal = folder / "run.db"
    procession.run(double, ["a", "b", "c", "b"], journal=journal, backend=backend).close()
    assert sorted(ran(folder)) == ["a", "b", "c"]
    again = procession.run(double, ["d", "c", "b", "d"], journal=journal, backend=backend)
    assert again.counts == (3, 3, 0, 0, True)  # what is no longer in the input is not counted
    assert results(again) == [("d", "dd"), ("c", "cc"), ("b", "bb"), ("d", "dd")]
    assert ran(folder) == ["d"]
    back = procession.run(double, ["a"], journal=journal, backend=backend)
    assert results(back) == [("a", "aa")]
    assert ran(folder) == []


@given(st.lists(st.lists(st.integers(0, 12), max_size=25), min_size=1, max_size=4), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_inputs_one_after_another(folder: Path, inputs: list[list[int]], ordered: bool, lazy: bool) -> None:
    journal = folder / f"{os.urandom(8).hex()}.db"  # hypothesis seeds `random`
    known: set[int] = set()
    for items in inputs:
        given_items: Any = iter(items) if lazy else items
        with LiveRun(journal, double, given_items, ordered=ordered, options={"backend": "serial"}) as live:
            told = list(live)
            assert live.counts == (len(items), len(items), 0, sum(each in known for each in items), 0)
        places = [each.outcome.index for each in told]
        assert sorted(places) == list(range(len(items)))
        assert not ordered or places == sorted(places)
        for each in told:
            assert each.outcome.item == items[each.outcome.index]
            assert each.outcome.value == each.outcome.item * 2
            assert each.replayed == (each.outcome.item in known)
        assert sorted(ran(folder)) == sorted(map(str, set(items) - known))
        known.update(items)
        with procession.Run.open(journal) as run:
            assert list(run.results()) == [(item, item * 2) for item in items]
            assert [entry.place for entry in run.table()] == list(range(len(items)))


def test_many_duplicates_of_what_runs_and_of_what_is_done(folder: Path) -> None:
    items = [1] * 3000 + [2] + [1] * 3000
    for ordered in (False, True):
        with LiveRun(folder / f"{ordered}.db", double, items, ordered=ordered, options={"processes": 2}) as live:
            told = [(each.outcome.index, each.outcome.value) for each in live]
        assert sorted(told) == [(place, 2 * item) for place, item in enumerate(items)]
        assert sorted(ran(folder)) == ["1", "2"]


def test_failed_items_stay_failed_until_they_are_to_be_retried(folder: Path) -> None:
    run = procession.run(odd_fails, range(6), journal=folder / "run.db", processes=2)
    with run:
        assert run.counts == (6, 3, 3, 0, True)
        failed = list(run.failures())
        assert [(each.name, each.error_type, each.error_message) for each in failed] == [
            (str(number), "ValueError", f"{number} is odd") for number in (1, 3, 5)
        ]
        assert "odd_fails" in (failed[0].error_traceback or "")
        errors = [result for _, result in run.results() if isinstance(result, BaseException)]
        assert [(type(error), str(error)) for error in errors] == [(ValueError, f"{n} is odd") for n in (1, 3, 5)]
    assert len(ran(folder)) == 6
    procession.run(odd_fails, range(6), journal=folder / "run.db", processes=2).close()
    assert ran(folder) == []
    procession.run(odd_fails, range(6), journal=folder / "run.db", processes=2, retry_failed=True).close()
    assert sorted(ran(folder)) == ["1", "3", "5"]


def test_killed_worker_is_an_error_that_names_the_place_in_the_whole_input(folder: Path) -> None:
    def ends(number: int) -> int:
        if number == 7:
            os._exit(3)
        return number

    journal = folder / "run.db"
    procession.run(ends, range(5), journal=journal, processes=1).close()
    found = results(procession.run(ends, range(8), journal=journal, processes=1))
    assert found[:7] == [(number, number) for number in range(7)]
    assert isinstance(found[7][1], procession.WorkerDied)
    assert str(found[7][1]).startswith("item 7 (7): worker")


def test_large_results_are_files_beside(folder: Path) -> None:
    journal = folder / "run.db"
    run = procession.run(large, range(3), journal=journal, processes=1)
    assert results(run) == [(number, bytes([number]) * 200_000) for number in range(3)]
    assert len(list((folder / "run.db.d").iterdir())) == 3
    assert journal.stat().st_size < 200_000
    assert len(ran(folder)) == 3


def test_what_cannot_be_stored_fails_its_item_only(folder: Path) -> None:
    def loose(number: int) -> Any:
        return (lambda: number) if number == 1 else number

    found = results(procession.run(loose, range(3), journal=folder / "run.db", backend="serial"))
    assert found[0] == (0, 0) and found[2] == (2, 2)
    assert isinstance(found[1][1], procession.MaybeEncodingError)


def test_item_that_cannot_be_pickled_is_its_repr(folder: Path) -> None:
    class Local:
        def __repr__(self) -> str:
            return "<a local one>"

    run = procession.run(lambda item: 1, [Local()], journal=folder / "run.db", backend="serial", key=repr)
    assert results(run) == [("<a local one>", 1)]


def test_errors_of_the_input_come_after_what_has_ended(folder: Path) -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise OSError("the line is dead")

    with pytest.raises(OSError, match="the line is dead"):
        procession.run(double, items(), journal=folder / "run.db", processes=1)
    with procession.Run.open(folder / "run.db") as run:
        assert [item for item, _ in run.results()] == list(range(5))
        assert not run.counts.whole


def test_item_without_a_key_is_refused_with_its_place(folder: Path) -> None:
    with pytest.raises(procession.KeyNotPossible, match=r"item 1 \(<function .*give key="):
        procession.run(double, [1, lambda: 2], journal=folder / "run.db", backend="serial")


def test_options_reach_the_stream(folder: Path) -> None:
    run = procession.run(odd_fails, [1], journal=folder / "run.db", processes=1, retries=2)
    with run:
        (entry,) = run.failures()
        assert entry.attempts == 3
    with LiveRun(folder / "run.db", odd_fails, [1]) as live:
        (again,) = live
    assert [type(each.error).__name__ for each in again.outcome.attempts] == [
        "RemoteError",
        "RemoteError",
        "ValueError",
    ]
    assert [str(each.error) for each in again.outcome.attempts[:2]] == ["ValueError: 1 is odd"] * 2
    with pytest.raises(TypeError):
        procession.run(odd_fails, [2], journal=folder / "run.db", no_such_option=1)  # type: ignore[call-arg]


def test_halted_run_goes_on_where_it_ended(folder: Path) -> None:
    with pytest.raises(procession.Halted):
        procession.run(odd_fails, [0, 1, *range(2, 400)], journal=folder / "run.db", processes=1, halt="soon,fail=1")
    with procession.Run.open(folder / "run.db") as run:
        assert run.counts.failed >= 1 and not run.counts.whole
        ended = run.counts.items
    assert len(ran(folder)) == ended < 400
    procession.run(odd_fails, range(400), journal=folder / "run.db", processes=1).close()
    assert len(ran(folder)) == 400 - ended


def test_progress_counts_what_was_done_earlier(folder: Path) -> None:
    procession.run(odd_fails, range(4), journal=folder / "run.db", processes=1).close()
    seen: list[tuple[int, int, int | None]] = []
    progress: Any = lambda *state: seen.append(state)  # noqa: E731
    procession.run(odd_fails, range(6), journal=folder / "run.db", processes=1, progress=progress).close()
    assert seen[-1] == (6, 3, 6)


def make(text: str, name: str = "f") -> Any:
    """Make a function of a module of its own, whose source can be read."""
    import linecache

    file = f"<source {hash(text)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {"__name__": "somewhere"}
    exec(compile(text, file, "exec"), space)
    return space[name]


ONE = "def helper(x):\n    return x + 1\n\ndef f(x):\n    return helper(x)\n"
TWO = "def helper(x):\n    return x + 2\n\ndef f(x):\n    return helper(x)\n"


def test_changed_source_is_told_and_run_anew_if_asked(folder: Path) -> None:
    def call(text: str, items: Any = (1, 2), **options: Any) -> list[Any]:
        return results(procession.run(make(text), items, journal=folder / "run.db", backend="serial", **options))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert call(ONE) == [(1, 2), (2, 3)]
        assert call(ONE + "\ndef other():\n    pass\n") == [(1, 2), (2, 3)]
    with pytest.warns(procession.SourceChanged, match="rerun_changed=True does them anew"):
        assert call(TWO, (1, 2, 3)) == [(1, 2), (2, 3), (3, 5)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert call(TWO, (1, 2, 3), rerun_changed=True) == [(1, 3), (2, 4), (3, 5)]
        assert call(TWO, (1, 2, 3)) == [(1, 3), (2, 4), (3, 5)]


def test_journal_of_another_function_is_refused(folder: Path) -> None:
    procession.run(double, [1], journal=folder / "run.db", backend="serial").close()
    with pytest.raises(procession.JournalNotUsable, match=r"it is of the function .*double; choose another journal="):
        procession.run(odd_fails, [1], journal=folder / "run.db", backend="serial")


def test_arguments_for_all_are_part_of_the_function(folder: Path) -> None:
    def call(by: int) -> None:
        run = procession.run(scale, [1], journal=folder / "run.db", backend="serial", kwargs={"by": by})
        run.close()

    call(2)
    call(2)
    with pytest.warns(procession.SourceChanged):
        call(3)


def scale(number: int, by: int) -> int:
    return number * by


def test_facts_say_who_ran_what_where(folder: Path) -> None:
    with procession.run(double, [1], journal=folder / "run.db", backend="serial", max_errors=3) as run:
        facts = run.facts
        assert facts["function"] == f"{work.__name__}.double"
        assert facts["pid"] == os.getpid() and facts["folder"] == os.getcwd()
        assert facts["arguments"] == {"backend": "serial", "max_errors": 3}
        assert facts["versions"]["procession"] == procession.__version__
        assert {"host", "start", "command", "source", "ended"} <= set(facts)
        assert [each["read"] for each in run.sessions()] == [1]


def test_results_of_an_earlier_call_are_not_those_of_a_later_one(folder: Path) -> None:
    first = procession.run(double, [1], journal=folder / "run.db", backend="serial")
    procession.run(double, [2], journal=folder / "run.db", backend="serial").close()
    with first, pytest.raises(procession.JournalNotUsable, match="another call has begun to use it"):
        list(first.results())


def test_a_closed_run_says_so(folder: Path) -> None:
    run = procession.run(double, [1], journal=folder / "run.db", backend="serial")
    run.close()
    with pytest.raises(ValueError, match=r"run.db' is closed; open it again with procession.Run.open"):
        list(run.results())


def test_default_journal_is_that_of_the_function_in_this_folder(
    folder: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with procession.run(double, [1], backend="serial") as run:
        assert run.name.startswith("double-") and Path(run.path).parent == state
    procession.run(double, [1], backend="serial").close()
    assert ran(folder) == ["1"]
    monkeypatch.chdir(folder)
    with procession.run(double, [1], backend="serial") as elsewhere:
        assert elsewhere.name != run.name
    procession.run(double, [1], journal="mine", backend="serial").close()
    assert (state / "mine.db").exists()
    with procession.Run.open("min") as found:
        assert found.name == "mine"
    procession.run(double, [1], journal="./here", backend="serial").close()
    assert (folder / "here").exists()
