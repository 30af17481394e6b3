"""Whatever is bound anew between calls, every worker computes what the parent would."""

from __future__ import annotations

import pickle
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from procession.wire.functions import Shipper, install

COUNT = 5  # names g0..g4 hold values, f0..f4 functions; f3 may use f0..f2, so that nothing is endless

steps = st.one_of(
    st.tuples(st.just("value"), st.integers(0, COUNT - 1), st.integers(300, 10_000)),
    st.tuples(st.just("alias"), st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)),
    st.tuples(
        st.just("function"),
        st.integers(0, COUNT - 1),
        st.lists(st.integers(0, COUNT - 1), max_size=2, unique=True),
        st.lists(st.integers(0, COUNT - 1), max_size=2, unique=True),
    ),
    st.tuples(st.just("call"), st.integers(0, COUNT - 1), st.integers(0, 2), st.sampled_from(["name", "value"])),
)


@contextmanager
def being(main: types.ModuleType) -> Iterator[None]:
    """Make this process look like the one whose main module this is."""
    before = sys.modules["__main__"]
    sys.modules["__main__"] = main
    try:
        yield
    finally:
        sys.modules["__main__"] = before


class World:
    """A parent and three workers, each no more than its main module."""

    def __init__(self, based: bool) -> None:
        self.parent = types.ModuleType("__main__")
        self.workers = [types.ModuleType("__main__") for _ in range(3)]
        self.sent: list[dict[str, int]] = [{} for _ in self.workers]
        for number in range(COUNT):
            self.run(f"g{number} = {1000 + number}\ndef f{number}(): return g{number}")
        with being(self.parent):
            self.shipper = Shipper(dict(vars(self.parent)) if based else None)
            names = frozenset(name for name in vars(self.parent) if name[0] in "fg")
            everything = Shipper(None).definitions(names, {})
        for worker in self.workers if based else ():
            with being(worker):
                install(everything or b"")

    def run(self, text: str) -> None:
        with being(self.parent):
            exec(text, vars(self.parent))

    def expected(self, text: str) -> Any:
        with being(self.parent):
            return eval(text, vars(self.parent))()

    def call(self, text: str, worker: int) -> Any:
        with being(self.parent):
            packed = self.shipper.pack(eval(text, vars(self.parent)))
            definitions = self.shipper.definitions(packed.names, self.sent[worker])
            assert self.shipper.definitions(packed.names, self.sent[worker]) is None
        with being(self.workers[worker]):
            if definitions is not None:
                install(definitions)
            return pickle.loads(packed.data)()


@settings(max_examples=300, deadline=None)
@given(st.booleans(), st.lists(steps, max_size=25))
def test_workers_compute_what_the_parent_would(based: bool, script: list[tuple[Any, ...]]) -> None:
    world = World(based)
    for step in script:
        match step:
            case ("value", number, value):
                world.run(f"g{number} = {value}")
            case ("alias", number, other):
                world.run(f"g{number} = g{other}")
            case ("function", number, values, functions):
                terms = [f"g{each}" for each in values] + [f"f{each}()" for each in functions if each < number]
                world.run(f"def f{number}(): return {' + '.join(terms) or '0'}")
            case ("call", number, worker, way):
                text = f"f{number}" if way == "name" else f"lambda: [f{number}(), g{number}]"
                assert world.call(text, worker) == world.expected(text)
