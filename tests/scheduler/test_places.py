"""Places: what workers call themselves. No two at work share one, and none is as high as there are workers."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from procession.scheduler.roster import Roster
from procession.scheduler.states import Worker

STEPS = st.lists(st.tuples(st.sampled_from(["add", "leave", "stay", "remove"]), st.integers(0, 9)), max_size=60)


@given(STEPS)
def test_places_of_those_who_stay_are_distinct_and_low(steps: list[tuple[str, int]]) -> None:
    roster, most = Roster(), 0
    undone: Worker | None = None  # who left last, as long as nobody has come since
    for step, which in steps:
        workers = list(roster)
        if step == "add":
            roster.add()
            undone = None
        elif step == "stay":
            if undone is not None:
                roster.leave(undone, False)
            undone = None
        elif workers:
            worker = workers[which % len(workers)]
            if step == "remove":
                roster.remove(worker.number)
                undone = None
            elif not worker.leaving:
                roster.leave(worker)
                undone = worker
        staying = [each.place for each in roster if not each.leaving]
        most = max(most, len(staying))
        assert len(set(staying)) == len(staying)
        assert all(0 <= place < most for place in staying)


def test_a_successor_takes_the_place_of_who_leaves() -> None:
    roster = Roster()
    first, second = roster.add(), roster.add()
    roster.leave(first)
    assert (first.place, second.place, roster.add().place) == (0, 1, 0)
    roster.remove(first.number)
    roster.remove(second.number)
    assert [roster.add().place for _ in range(2)] == [1, 2]
