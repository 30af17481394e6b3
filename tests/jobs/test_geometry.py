"""Sizes: inside the box or covering it, whatever the picture's shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.jobs import geometry

sides = st.integers(1, 20000)
sizes = st.tuples(sides, sides)
boxes = st.tuples(st.integers(1, 2000), st.integers(1, 2000))


@pytest.mark.parametrize(
    ("source", "box", "size"),
    [
        ((400, 200), (100, 100), (100, 50)),
        ((200, 400), (100, 100), (50, 100)),
        ((50, 20), (100, 100), (50, 20)),
        ((100, 100), (100, 100), (100, 100)),
        ((10000, 1), (256, 256), (256, 1)),
        ((3000, 1688), (256, 256), (256, 144)),
    ],
)
def test_fit_stays_inside_the_box_and_never_enlarges(
    source: geometry.Size, box: geometry.Size, size: geometry.Size
) -> None:
    scaling = geometry.scale(source, box, fill=False)
    assert scaling == geometry.Scaling(size, (0, 0, *source))


@pytest.mark.parametrize(
    ("source", "part"),
    [((400, 200), (100, 0, 300, 200)), ((200, 400), (0, 100, 200, 300)), ((50, 50), (0, 0, 50, 50))],
)
def test_fill_shows_the_middle(source: geometry.Size, part: geometry.Box) -> None:
    assert geometry.scale(source, (100, 100), fill=True) == geometry.Scaling((100, 100), part)


@given(sizes, boxes, st.booleans(), st.integers(1, 8))
def test_every_result_is_possible(source: geometry.Size, box: geometry.Size, fill: bool, turn: int) -> None:
    scaling = geometry.scale(source, box, fill=fill, orientation=turn)
    seen = (scaling.size[1], scaling.size[0]) if turn in geometry.TURNED else scaling.size
    left, top, right, bottom = scaling.box
    assert min(seen) >= 1 and seen[0] <= box[0] and seen[1] <= box[1]
    assert seen == box or not fill
    assert 0 <= left < right <= source[0] and 0 <= top < bottom <= source[1]


@given(sizes, boxes, st.booleans(), st.sampled_from((1, 2, 4, 8)))
def test_a_shrunk_picture_holds_its_part(source: geometry.Size, box: geometry.Size, fill: bool, shrunk: int) -> None:
    scaling = geometry.scale(source, box, fill=fill)
    frame = (0, 0, source[0] / shrunk, source[1] / shrunk)
    left, top, right, bottom = scaling.within(source, frame)
    assert 0 <= left < right <= frame[2] and 0 <= top < bottom <= frame[3]


def test_least_size_enlarges_nothing() -> None:
    assert geometry.scale((3072, 2048), (256, 256), fill=False).least_size((3072, 2048)) == (256, 171)
    assert geometry.scale((4000, 1000), (100, 100), fill=True).least_size((4000, 1000)) == (400, 100)
