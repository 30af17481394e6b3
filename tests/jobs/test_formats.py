"""Suffixes: what is a picture, and which format an output gets."""

from __future__ import annotations

import pytest

from procession.jobs import formats

LEFT_OUT = {".bufr", ".emf", ".eps", ".grib", ".h5", ".hdf", ".mpeg", ".mpg", ".palm", ".pdf", ".ps", ".wmf"}


def test_pillow_reads_no_other_suffixes() -> None:
    image = pytest.importorskip("PIL.Image")
    image.init()
    known = set(image.registered_extensions())
    assert known - formats.READABLE <= LEFT_OUT
    assert not formats.READABLE & LEFT_OUT


@pytest.mark.parametrize("name", ["a.jpg", "B.JPEG", "c.d.Png", "x y.webp"])
def test_a_picture_is_known_by_its_suffix(name: str) -> None:
    assert formats.is_readable(name)


@pytest.mark.parametrize("name", ["a.txt", "jpg", ".jpg", "a.jpg.txt", "a"])
def test_other_files_are_not_pictures(name: str) -> None:
    assert not formats.is_readable(name)


@pytest.mark.parametrize(
    ("choice", "source", "format", "ext"),
    [
        ("jpg", "a.png", "JPEG", "jpg"),
        ("webp", "a.png", "WEBP", "webp"),
        ("png", "a.jpg", "PNG", "png"),
        ("same", "a.JPG", "JPEG", "JPG"),
        ("same", "a.jpeg", "JPEG", "jpeg"),
        ("same", "a.tif", "TIFF", "tif"),
        ("same", "a.psd", "PNG", "png"),
        ("same", "a", "PNG", "png"),
    ],
)
def test_output_format(choice: formats.Choice, source: str, format: str, ext: str) -> None:
    chosen, suffix = formats.output_format(choice, source)
    assert (chosen.name, suffix) == (format, ext)
