"""The preview that a camera puts into a photograph's EXIF data.

Knows: where it lies, and when it may stand for the photograph.
Must not know: how the photograph is decoded.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import ExifTags, Image

from procession.jobs.geometry import Size

if TYPE_CHECKING:
    from PIL.Image import Exif

_HEAD = b"Exif\0\0"  # offsets count from behind it
_OFFSET, _LENGTH = 0x0201, 0x0202


def exif_preview(image: Image.Image, least: Size) -> Image.Image | None:
    """Give the preview of an open photograph, decoded, if it will do.

    Args:
        image: The photograph.
        least: The size that the preview must have.
    """
    try:
        return usable(_data(image.info["exif"], image.getexif()), image.size, least)
    except Exception:  # there is none, or it is broken: the photograph itself is still there
        return None


def usable(data: bytes, size: Size, least: Size) -> Image.Image | None:
    """Decode a preview if it is large enough and of the photograph's shape: cameras add black bars to some.

    Args:
        data: A JPEG file.
        size: The photograph's size.
        least: The size that the preview must have.
    """
    preview = Image.open(io.BytesIO(data), formats=("JPEG",))
    width, height = preview.size
    off = abs(width * size[1] - height * size[0])  # a side that is off by less than a pixel was rounded
    if width < least[0] or height < least[1] or off >= max(size):
        return None
    preview.load()
    return preview


def _data(block: bytes, exif: Exif) -> bytes:
    entries = exif.get_ifd(ExifTags.IFD.IFD1)
    begin = (len(_HEAD) if block.startswith(_HEAD) else 0) + entries[_OFFSET]
    return block[begin : begin + entries[_LENGTH]]
