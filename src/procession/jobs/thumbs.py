"""Thumbnails: the job for one photograph.

Knows: the steps from a file to its thumbnail, and their order.
Must not know: the other photographs, workers, the command line.

Pillow is loaded by the first call, which happens in a worker: the parent plans without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from procession.jobs import formats, geometry
from procession.jobs.errors import NotAnImage
from procession.jobs.naming import Made, Target, Thumb
from procession.jobs.settings import ThumbSettings

if TYPE_CHECKING:
    from io import BufferedReader

    from PIL import Image

    from procession.jobs.picture import Picture

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


def make_thumbnail(settings: ThumbSettings, thumb: Thumb) -> tuple[Made, ...]:
    """Make the thumbnails of one picture, which is decoded once. Their folders must be there.

    Args:
        settings: What holds for all thumbnails.
        thumb: Which file becomes which.

    Raises:
        NotAnImage: The input is no picture.
        ExtraMissing: The input is of a kind that only an extra reads.
        DamagedImage: The input cannot be decoded to its end.
        ImageTooLarge: The input has too many pixels.
        ImageNotWritable: The output's format cannot hold the picture.
        OSError: The input cannot be read or the output not be written.
    """
    if settings.engine == "vips":
        from procession.jobs import vips

        if vips.reads(thumb.source):
            return tuple(vips.make(settings, thumb))
    return tuple(_make(settings, thumb))


def _make(settings: ThumbSettings, thumb: Thumb) -> Iterator[Made]:
    from procession.jobs import colour, writing

    format = formats.FORMATS[thumb.format]
    for target, image, profile in _small(settings, thumb):
        image, profile = colour.finish(image, profile, format.modes, srgb=settings.srgb)
        image.info = {}  # no remark, position or preview of the photograph travels on
        options: dict[str, Any] = {"icc_profile": profile} if profile else {}
        if format.quality is not None:
            options["quality"] = settings.quality or format.quality
        if format.name == "AVIF":
            options["max_threads"] = 1  # there is a worker for each CPU
        identity = writing.write_image(image, target.path, format.name, settings.run, options)
        yield Made(target.place, *image.size, *identity)


def _small(settings: ThumbSettings, thumb: Thumb) -> Iterator[tuple[Target, Image.Image, bytes | None]]:
    """Read a picture, shrink it to each size and turn it upright; give its colour profile too."""
    from procession.jobs import colour

    path = thumb.source
    with open(path, "rb") as file:
        picture = _opened(settings, file, path)
        size = picture.size
        if min(size) < 1:
            raise NotAnImage(path=path, reason="holds a picture without any pixel")
        boxes = [target.size for target in thumb.targets]
        scalings = [geometry.scale(size, box, fill=settings.fill, orientation=picture.turn) for box in boxes]
        each = [scaling.least_size(size) for scaling in scalings]
        image, frame = picture.load((max(width for width, _ in each), max(height for _, height in each)))
        image = colour.resizable(image)
    for target, scaling in zip(thumb.targets, scalings, strict=True):
        box = scaling.within(size, frame)
        small = image
        if image.size != scaling.size or box != (0, 0, *image.size):
            small = _resized(image, scaling.size, box)
        yield target, _upright(small, picture.turn), picture.profile


def _opened(settings: ThumbSettings, file: BufferedReader, path: str) -> Picture:
    """Choose who decodes."""
    if formats.is_raw(path):
        from procession.jobs import raw

        return raw.open_raw(file, path, settings.max_pixels, fast=settings.fast)
    from procession.jobs import decoding

    return decoding.open_picture(file, path, settings.max_pixels, fast=settings.fast)


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
