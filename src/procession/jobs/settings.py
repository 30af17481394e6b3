"""How thumbnails are made: what holds for all of one run.

Knows: which values make sense, and what decides the pixels.
Must not know: pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from procession.jobs import formats, geometry

MAX_SIDE = 16383  # the most that WebP holds
MAX_PIXELS = 178_956_970  # where Pillow's own limit refuses by default; 512 MiB as RGB
Engine = Literal["pillow", "vips"]
_RECIPE = 1  # counts up when the same settings begin to give other pixels


@dataclass(frozen=True, slots=True)
class ThumbSettings:
    """What holds for all thumbnails of one run.

    Args:
        sizes: Width and height of each box, as the viewer sees it.
        fill: Cover the box exactly and cut what stands over; otherwise fit inside it and never enlarge.
        quality: 1 to 100 for JPEG, WebP and AVIF. None: the format's usual one.
        srgb: Convert to sRGB; otherwise the input's colour profile is kept.
        max_pixels: A picture that has more is refused before it is decoded.
        run: Marks the temporary files of this run.
        engine: What decodes and shrinks.
        fast: Use the preview inside a photograph where it is large enough and of the same shape.

    Raises:
        ValueError: A size, quality or limit is out of range.
    """

    sizes: tuple[geometry.Size, ...] = ((256, 256),)
    fill: bool = False
    quality: int | None = None
    srgb: bool = False
    max_pixels: int = MAX_PIXELS
    run: str = "run"
    engine: Engine = "pillow"
    fast: bool = False

    def __post_init__(self) -> None:
        for size in self.sizes:
            if not all(1 <= side <= MAX_SIDE for side in size):
                raise ValueError(f"size={size!r}: each side must be from 1 to {MAX_SIDE}")
        if len(set(self.sizes)) < len(self.sizes) or not self.sizes:
            raise ValueError(f"sizes={self.sizes!r}: must be at least one, each once")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise ValueError(f"quality={self.quality!r}: must be from 1 to 100, or None")
        if self.max_pixels < 1:
            raise ValueError(f"max_pixels={self.max_pixels!r}: must be 1 or more")

    def recipe(self, format: str, size: geometry.Size) -> str:
        """Say how a thumbnail is made, in a text that is equal where the thumbnail would be.

        Args:
            format: Pillow's name of its format.
            size: Its box.
        """
        usual = formats.FORMATS[format].quality
        quality = f"quality {self.quality or usual}" if usual is not None else "lossless"
        words = ["fill" if self.fill else "fit", *(word for word in ("srgb", "fast") if getattr(self, word))]
        return f"{_RECIPE} {self.engine} {format} {quality} {size[0]}x{size[1]} {' '.join(words)}"
