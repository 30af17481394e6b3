"""Raw files: what a camera's sensor saw.

Knows: rawpy, an extra.
Must not know: sizes of thumbnails.
"""

from __future__ import annotations

import io
from functools import partial
from importlib.util import find_spec
from typing import Any

from PIL import Image

from procession.jobs import decoding, embedded
from procession.jobs.errors import ExtraMissing
from procession.jobs.geometry import Box, Size
from procession.jobs.picture import Picture

_TURNS = {3: 3, 5: 8, 6: 6}  # LibRaw's numbers as EXIF orientations


def open_raw(file: io.BufferedReader, path: str, max_pixels: int, *, fast: bool) -> Picture:
    """Open a raw file.

    Args:
        file: The open file.
        path: Its name, for messages.
        max_pixels: A picture that claims more is refused.
        fast: Use the preview that the camera put into it, if that is large enough.

    Raises:
        ExtraMissing: rawpy is not installed.
        DamagedImage: It is no raw file, or a broken one.
        ImageTooLarge: It has too many pixels.
    """
    if find_spec("rawpy") is None:
        raise ExtraMissing(path=path, kind="a raw file", extra="raw")
    import rawpy

    with decoding.explained(path, max_pixels):
        raw = rawpy.imread(file)
        size = raw.sizes.width, raw.sizes.height
    decoding.check_pixels(size, path, max_pixels)
    return Picture(size, _TURNS.get(raw.sizes.flip, 1), None, partial(_load, raw, path, size, fast))


def _load(raw: Any, path: str, size: Size, fast: bool, least: Size) -> tuple[Image.Image, Box]:
    with raw, decoding.explained(path, None):
        image = _preview(raw, size, least) if fast else None
        if image is None:
            half = least[0] * 2 <= size[0] and least[1] * 2 <= size[1]  # four sensor points as one: no interpolation
            pixels = raw.postprocess(half_size=half, use_camera_wb=True, user_flip=0, output_bps=8)
            image = Image.fromarray(pixels)
    return image, (0, 0, *image.size)


def _preview(raw: Any, size: Size, least: Size) -> Image.Image | None:
    try:
        return embedded.usable(raw.extract_thumb().data, size, least)
    except Exception:  # there is none, it is no JPEG, it is broken
        return None
