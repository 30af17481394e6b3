"""Whether a function is the one that it was: its text, and what it holds."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import pytest

import procession
from procession.runs.source import source_of
from tests.helpers.scripts import Finished


class Scale:
    def __init__(self, by: int) -> None:
        self.by = by
        self.lock = threading.Lock()  # nothing that can be compared

    def __call__(self, number: int) -> int:
        return number * self.by

    def method(self, number: int) -> int:
        return number * self.by


def closure(by: int) -> Callable[[int], int]:
    def scale(number: int) -> int:
        return number * by

    return scale


def default(by: int) -> Callable[[int], int]:
    def scale(number: int, by: int = by) -> int:
        return number * by

    return scale


def wrapped(by: int) -> Callable[[int], int]:
    function = closure(by)

    @wraps(function)
    def outer(number: int) -> int:
        return function(number)

    return outer


MAKERS: list[Callable[[int], Callable[..., Any]]] = [
    Scale,
    lambda by: Scale(by).method,
    lambda by: partial(Scale(by), 1),
    closure,
    default,
    wrapped,
    operator.itemgetter,
    lambda by: str(by).join,
]


@pytest.mark.parametrize("make", MAKERS)
def test_what_a_function_holds_is_part_of_it(make: Callable[[int], Callable[..., Any]]) -> None:
    assert source_of(make(2)) == source_of(make(2)) != source_of(make(3))


def test_results_of_another_object_are_told(tmp_path: Path) -> None:
    procession.run(Scale(2), [5], journal=tmp_path / "run.db", backend="serial").close()
    with pytest.warns(procession.SourceChanged):
        procession.run(Scale(3), [5], journal=tmp_path / "run.db", backend="serial").close()
    again = procession.run(Scale(3), [5], journal=tmp_path / "run.db", backend="serial", rerun_changed=True)
    with again as run:
        assert list(run.results()) == [(5, 15)]


def test_function_without_text_is_the_same_whatever_the_hash_seed(run_script: Callable[..., Finished]) -> None:
    script = """
        from procession.runs.source import source_of
        space = {"__name__": "somewhere"}
        exec("def f(x): return x in {'a', 'b', 'c', 'd', 'e'}", space)
        print(source_of(space["f"]))
    """
    told = {run_script(script, environ={"PYTHONHASHSEED": seed}).stdout for seed in ("1", "2", "3")}
    assert len(told) == 1
