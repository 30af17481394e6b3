"""Sizes: how large a thumbnail gets, which part of the picture it shows, how a stored picture is turned.

Knows: numbers.
Must not know: pictures. What is decided here is carried out elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Size = tuple[int, int]
Box = tuple[float, float, float, float]

TURNED = frozenset((5, 6, 7, 8))  # EXIF orientations in which width and height change places


@dataclass(frozen=True, slots=True)
class Scaling:
    """What becomes of a picture, in the orientation it is stored in.

    Args:
        size: The size of the result.
        box: The part of the picture that is shown, in its own pixels.
    """

    size: Size
    box: Box

    def least_size(self, source: Size) -> Size:
        """Say how large the whole picture must at least be decoded, so that nothing has to be enlarged."""
        left, top, right, bottom = self.box
        across, down = self.size[0] / (right - left), self.size[1] / (bottom - top)
        return math.ceil(round(source[0] * across, 6)), math.ceil(round(source[1] * down, 6))

    def within(self, source: Size, decoded: Box) -> Box:
        """Give the part that is shown in the pixels of a picture that was shrunk while it was decoded."""
        across, down = decoded[2] / source[0], decoded[3] / source[1]
        left, top, right, bottom = self.box
        return left * across, top * down, min(right * across, decoded[2]), min(bottom * down, decoded[3])


def scale(source: Size, box: Size, *, fill: bool, orientation: int = 1) -> Scaling:
    """Decide the size of a thumbnail and the part of the picture that it shows.

    Args:
        source: The size of the picture as it is stored.
        box: The size asked for, as the viewer sees it.
        fill: True: cover the box exactly, cut what stands over. False: stay inside the box, never enlarge.
        orientation: The EXIF orientation, 1 to 8.
    """
    if orientation in TURNED:
        box = box[1], box[0]
    if fill:
        return Scaling(box, _middle(source, box))
    return Scaling(_fitted(source, box), (0, 0, *source))


def _fitted(source: Size, box: Size) -> Size:
    """Give the size inside the box whose shape is nearest to the picture's, as `Image.thumbnail` does."""
    width, height = source
    across, down = box
    if across >= width and down >= height:
        return source
    shape = width / height
    if across / down >= shape:
        return _nearest(down * shape, lambda n: abs(shape - n / down)), down
    return across, _nearest(across / shape, lambda n: abs(shape - across / n) if n else 0)


def _nearest(number: float, distance: Callable[[int], float]) -> int:
    return max(min(math.floor(number), math.ceil(number), key=distance), 1)


def _middle(source: Size, box: Size) -> Box:
    width, height = source
    zoom = min(width / box[0], height / box[1])
    across, down = min(box[0] * zoom, width), min(box[1] * zoom, height)  # rounding must not lead outside
    left, top = (width - across) / 2, (height - down) / 2
    return left, top, min(left + across, width), min(top + down, height)
