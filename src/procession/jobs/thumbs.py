"""Thumbnails: the job for one photograph.

Knows: the steps from a file to its thumbnail, and their order.
Must not know: the other photographs, workers, the command line.

Pillow is loaded by the first call, which happens in a worker: the parent plans without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from procession.jobs import formats, geometry
from procession.jobs.errors import NotAnImage
from procession.jobs.naming import Thumb

if TYPE_CHECKING:
    from PIL import Image

MAX_SIDE = 16383  # the most that WebP holds
MAX_PIXELS = 178_956_970  # where Pillow's own limit refuses by default; 512 MiB as RGB
PRELOAD = (  # what `make_thumbnail` imports: a nursery that has it already starts workers that are ready
    "procession.jobs.thumbs",
    "procession.jobs.decoding",
    "procession.jobs.colour",
    "procession.jobs.writing",
    "PIL.BmpImagePlugin",  # these five are what Pillow loads before it writes its first file
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.PpmImagePlugin",
)


@dataclass(frozen=True, slots=True)
class ThumbSettings:
    """What holds for all thumbnails of one run.

    Args:
        size: Width and height of the box, as the viewer sees it.
        fill: Cover the box exactly and cut what stands over; otherwise fit inside it and never enlarge.
        quality: 1 to 100 for JPEG and WebP. None: the format's usual one.
        srgb: Convert to sRGB; otherwise the input's colour profile is kept.
        max_pixels: A picture that has more is refused before it is decoded.
        run: Marks the temporary files of this run.

    Raises:
        ValueError: A size, quality or limit is out of range.
    """

    size: geometry.Size = (256, 256)
    fill: bool = False
    quality: int | None = None
    srgb: bool = False
    max_pixels: int = MAX_PIXELS
    run: str = "run"

    def __post_init__(self) -> None:
        if not all(1 <= side <= MAX_SIDE for side in self.size):
            raise ValueError(f"size={self.size!r}: each side must be from 1 to {MAX_SIDE}")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise ValueError(f"quality={self.quality!r}: must be from 1 to 100, or None")
        if self.max_pixels < 1:
            raise ValueError(f"max_pixels={self.max_pixels!r}: must be 1 or more")


def make_thumbnail(settings: ThumbSettings, thumb: Thumb) -> geometry.Size:
    """Make one thumbnail and give its size. Its folder must be there.

    Args:
        settings: What holds for all thumbnails.
        thumb: Which file becomes which.

    Raises:
        NotAnImage: The input is no picture.
        DamagedImage: The input cannot be decoded to its end.
        ImageTooLarge: The input has too many pixels.
        ImageNotWritable: The output's format cannot hold the picture.
        OSError: The input cannot be read or the output not be written.
    """
    from procession.jobs import colour, writing

    format = formats.FORMATS[thumb.format]
    image, profile = _small(settings, thumb.source)
    image, profile = colour.finish(image, profile, format.modes, srgb=settings.srgb)
    image.info = {}  # no remark, position or preview of the photograph travels on
    options: dict[str, Any] = {"icc_profile": profile} if profile else {}
    if format.quality is not None:
        options["quality"] = settings.quality or format.quality
    writing.write_image(image, thumb.target, format.name, settings.run, options)
    return image.size


def _small(settings: ThumbSettings, path: str) -> tuple[Image.Image, bytes | None]:
    """Read a picture, shrink it and turn it upright; give its colour profile too."""
    from procession.jobs import colour, decoding

    with open(path, "rb") as file:
        image = decoding.open_image(file, path, settings.max_pixels)
        profile = image.info.get("icc_profile")
        if not decoding.shrinks(image):
            decoding.load(image, path, settings.max_pixels)  # only now are its size and orientation final
        size, turn = image.size, decoding.orientation(image)
        if min(size) < 1:
            raise NotAnImage(path=path, reason="holds a picture without any pixel")
        scaling = geometry.scale(size, settings.size, fill=settings.fill, orientation=turn)
        box = scaling.box
        if decoding.shrinks(image):
            image, frame = decoding.load_shrunk(image, file, path, scaling.least_size(size))
            box = scaling.within(size, frame)
        image = colour.resizable(image)
        if image.size != scaling.size or box != (0, 0, *image.size):
            image = _resized(image, scaling.size, box)
    return _upright(image, turn), profile


def _resized(image: Image.Image, size: geometry.Size, box: geometry.Box) -> Image.Image:
    """Reduce by whole factors first: the rest, at most 2 to 1, is all that the slow filter has to do."""
    from PIL import Image

    return image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=1.0)


def _upright(image: Image.Image, turn: int) -> Image.Image:
    from PIL.Image import Transpose

    steps = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(steps[turn]) if turn in steps else image
