"""Whatever order outcomes come in, they go out in the order of the inputs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from procession.scheduler.ordering import Reorder


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_spans_in_any_order_come_out_in_order_and_as_early_as_they_can(lengths: list[int], chance: object) -> None:
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    spans = list(zip(starts, lengths, strict=True))
    chance.shuffle(spans)  # type: ignore[attr-defined]
    order, out, came = Reorder(), [], set()
    for start, length in spans:
        came.add(start)
        out += order.add(start, start + length)
        first_missing = next((each for each in starts if each not in came), sum(lengths))
        assert order.next == first_missing
        assert out == [each for each in starts if each < first_missing]
    assert out == starts
