"""Progressive JPEGs without their detail: the same picture at 1/8, in every pixel."""

from __future__ import annotations

import io
from typing import Any

import pytest

pytest.importorskip("PIL")

from PIL import Image, ImageChops

from procession.jobs import progressive
from tests.jobs.pictures import encoded, photo


def eighth(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.draft(None, (image.width // 8, image.height // 8))
    image.load()
    return image


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("size", [(640, 480), (8, 8), (333, 257), (2051, 1031), (9, 700)])
def test_the_picture_is_equal(size: tuple[int, int], subsampling: int) -> None:
    data = encoded(photo(size), progressive=True, subsampling=subsampling, quality=90)
    smaller = progressive.without_detail(data)
    assert smaller is not None
    assert ImageChops.difference(eighth(data), eighth(smaller)).getbbox() is None


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_colours(mode: str) -> None:
    data = encoded(photo((500, 300), mode), progressive=True)
    smaller = progressive.without_detail(data)
    assert smaller is not None
    assert ImageChops.difference(eighth(data), eighth(smaller)).getbbox() is None


@pytest.mark.parametrize("options", [{"restart_marker_rows": 1}, {"restart_marker_blocks": 3}, {"optimize": True}])
def test_restart_markers(options: dict[str, Any]) -> None:
    data = encoded(photo((700, 500)), progressive=True, **options)
    smaller = progressive.without_detail(data)
    assert smaller is not None
    assert ImageChops.difference(eighth(data), eighth(smaller)).getbbox() is None


def test_detail_is_gone() -> None:
    data = encoded(photo((1600, 1200)), progressive=True, subsampling=0, quality=95)
    smaller = progressive.without_detail(data)
    assert smaller is not None and len(smaller) < len(data) / 4


def test_other_files_are_left_alone() -> None:
    assert progressive.without_detail(encoded(photo())) is None
    assert progressive.without_detail(encoded(photo(), "PNG")) is None
    assert progressive.without_detail(b"") is None


def test_a_file_cut_anywhere_is_left_alone() -> None:
    data = encoded(photo((160, 120)), progressive=True)
    assert all(progressive.without_detail(data[:length]) is None for length in range(len(data)))


def test_a_file_with_any_byte_broken_raises_nothing() -> None:
    data = encoded(photo((64, 48)), progressive=True)
    for position in range(2, len(data)):
        for value in (0x00, 0xFF, data[position] ^ 0x55):
            progressive.without_detail(data[:position] + bytes([value]) + data[position + 1 :])
