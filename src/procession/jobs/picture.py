"""A picture that is open and not yet decoded: what `thumbs` asks of each kind of file.

Knows: the shape of the question.
Must not know: any format.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from procession.jobs.geometry import Box, Size

if TYPE_CHECKING:
    from PIL import Image


class Picture(NamedTuple):
    """An open picture.

    Args:
        size: As it is stored.
        turn: Its EXIF orientation, 1 to 8.
        profile: Its colour profile.
        load: Decodes it at a size that is not below the one given, and gives the frame that it fills in decoded pixels.
    """

    size: Size
    turn: int
    profile: bytes | None
    load: Callable[[Size], tuple[Image.Image, Box]]
