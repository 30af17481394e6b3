"""The other engine: libvips decodes, shrinks and encodes.

Knows: pyvips, an extra.
Must not know: Pillow. What libvips does not read here (HEIC, raw files) Pillow's side does.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from procession.jobs import formats, geometry, writing
from procession.jobs.errors import DamagedImage, ImageNotWritable, ImageTooLarge, NotAnImage
from procession.jobs.heic import HEAD, is_heic
from procession.jobs.naming import Made, Thumb
from procession.jobs.settings import ThumbSettings

_FAIL_ON = "truncated"
_WRITES = frozenset(("JPEG", "WEBP", "AVIF", "PNG", "GIF", "TIFF"))


def reads(path: str) -> bool:
    """Tell whether this engine reads a file."""
    with open(path, "rb") as file:
        head = file.read(HEAD)
    if not head:
        raise NotAnImage(path=path, reason="is an empty file")
    return not formats.is_raw(path) and not is_heic(head)


def make(settings: ThumbSettings, thumb: Thumb) -> Iterator[Made]:
    """Make the thumbnails of one picture; see `thumbs.make_thumbnail`."""
    pyvips = _library()
    format = formats.FORMATS[thumb.format]
    if format.name not in _WRITES:
        raise ImageNotWritable(
            path=thumb.targets[0].path, format=format.name, reason="the vips engine does not write it"
        )
    size, mode = _header(pyvips, thumb.source, settings.max_pixels)
    scalings = [geometry.scale(size, target.size, fill=settings.fill) for target in thumb.targets]
    each = [scaling.least_size(size) for scaling in scalings]
    profile = "srgb" if settings.srgb or mode == "cmyk" else None
    try:
        least = max(width for width, _ in each), max(height for _, height in each)
        base = _base(pyvips, thumb.source, least, profile)
        for target, scaling in zip(thumb.targets, scalings, strict=True):
            image = _plain(_part(base, size, scaling), format)
            options: dict[str, Any] = {"keep": "none" if profile else "icc"}
            if format.quality is not None:
                options["Q"] = settings.quality or format.quality
            data = image.write_to_buffer(format.suffixes[0], **options)
            identity = writing.write_file(target.path, settings.run, lambda file, data=data: file.write(data))  # type: ignore[misc]
            yield Made(target.place, image.width, image.height, *identity)
    except pyvips.Error as error:
        raise DamagedImage(path=thumb.source, reason=_words(error)) from error


@cache
def _library() -> Any:
    """Load libvips: one thread, since there is a worker for each CPU; no readers that run other programs' languages."""
    import logging

    import pyvips

    logging.getLogger("pyvips").setLevel(logging.CRITICAL)  # its warnings are in the errors that it raises, too
    pyvips.concurrency_set(1)
    pyvips.cache_set_max(0)  # what it remembers are open files of pictures that never come again
    pyvips.block_untrusted_set(True)
    return pyvips


def _header(pyvips: Any, path: str, max_pixels: int) -> tuple[geometry.Size, str]:
    """Give a picture's size as the viewer sees it, and its kind of colours."""
    try:
        image = pyvips.Image.new_from_file(path, access="sequential")
    except pyvips.Error as error:
        raise NotAnImage(
            path=path, reason=f"is not an image, or of a kind that libvips cannot read: {_words(error)}"
        ) from error
    if image.width * image.height > max_pixels:
        raise ImageTooLarge(path=path, pixels=image.width * image.height, limit=max_pixels)
    turned = image.get_typeof("orientation") and image.get("orientation") in geometry.TURNED
    return (image.height, image.width) if turned else (image.width, image.height), image.interpretation


def _base(pyvips: Any, path: str, least: geometry.Size, profile: str | None) -> Any:
    """Decode once, upright, at the size of the largest thumbnail."""
    options = {"output_profile": profile} if profile else {}
    image = pyvips.Image.thumbnail(path, least[0], height=least[1], size="force", fail_on=_FAIL_ON, **options)
    return image.copy_memory()


def _part(image: Any, size: geometry.Size, scaling: geometry.Scaling) -> Any:
    """Cut and shrink the picture to one thumbnail."""
    if (image.width, image.height) == scaling.size:
        return image
    left, top, right, bottom = map(round, scaling.within(size, (0, 0, image.width, image.height)))
    image = image.crop(left, top, max(right - left, 1), max(bottom - top, 1))
    return image.thumbnail_image(scaling.size[0], height=scaling.size[1], size="force")


def _plain(image: Any, format: formats.Format) -> Any:
    """Bring a picture to 8 bits, and onto white where the format has no alpha."""
    if image.format != "uchar":
        image = image.colourspace("b-w" if image.bands < 3 else "srgb").cast("uchar")
    if image.hasalpha() and not format.modes & {"LA", "RGBA"}:
        image = image.flatten(background=255)
    return image


def _words(error: Any) -> str:
    return " ".join(str(error.detail or error.message).split())
