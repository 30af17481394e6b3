"""Thumbnails made in this process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PIL")

from PIL import Image

from procession.jobs import formats
from procession.jobs.naming import Target, Thumb
from procession.jobs.settings import ThumbSettings
from procession.jobs.thumbs import make_thumbnail

Make = Callable[..., Image.Image]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """`make(source, name="t.jpg", size=(100, 100), **settings)` makes a thumbnail and gives it."""

    def make(source: Path, name: str = "t.jpg", size: tuple[int, int] = (100, 100), **settings: Any) -> Image.Image:
        format = formats.by_suffix(name)
        assert format is not None
        target = tmp_path / "out" / name
        target.parent.mkdir(exist_ok=True)
        thumb = Thumb(str(source), format.name, (Target(str(target), size, 7),))
        (made,) = make_thumbnail(ThumbSettings(**settings), thumb)
        assert os.listdir(target.parent) == [name]
        image = Image.open(target)
        image.load()
        assert image.size == (made.width, made.height) and image.format == format.name
        assert (made.place, made.bytes, made.time) == (7, target.stat().st_size, target.stat().st_mtime_ns)
        return image

    return make
