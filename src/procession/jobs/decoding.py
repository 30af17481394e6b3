"""From a file to a picture in memory, shrunk while it is decoded where the format can do that.

Knows: Pillow's readers and what they raise.
Must not know: what becomes of the picture.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from procession.jobs import embedded, heic, jpeg, progressive
from procession.jobs.errors import DamagedImage, ImageTooLarge, NotAnImage
from procession.jobs.geometry import Box, Size
from procession.jobs.picture import Picture
from procession.model.errors import ProcessionError

_ORIENTATION = 0x0112
_TAIL = 64  # bytes; a picture's own data does not end like this and lack its end marker
_NOT_DECODED = frozenset(
    ("EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG")
)  # EPS would be run as a program, by Ghostscript
_SHRINK_WHILE_DECODING = frozenset(("JPEG", "MPO"))


def open_image(file: io.BufferedReader, path: str, max_pixels: int) -> Image.Image:
    """Read a picture's header.

    Args:
        file: The open file.
        path: Its name, for messages.
        max_pixels: A picture that claims more is refused.

    Raises:
        NotAnImage: Pillow does not recognise it.
        ExtraMissing: An extra would read it.
        ImageTooLarge: It has too many pixels.
        DamagedImage: Its header is broken.
    """
    _limit_pillow(max_pixels)
    if not file.peek(1):
        raise NotAnImage(path=path, reason="is an empty file")
    with explained(path, max_pixels):
        if heic.is_heic(file.peek(heic.HEAD)):
            heic.prepare(path)
        image = Image.open(file)
    if image.format in _NOT_DECODED:
        raise NotAnImage(path=path, reason=f"is {image.format}, which Pillow does not decode by itself")
    check_pixels(image.size, path, max_pixels)
    return image


def check_pixels(size: Size, path: str, max_pixels: int) -> None:
    """Refuse a picture that is too large.

    Raises:
        ImageTooLarge: It has too many pixels.
    """
    pixels = size[0] * size[1]
    if pixels > max_pixels:
        raise ImageTooLarge(path=path, pixels=pixels, limit=max_pixels)


def open_picture(file: io.BufferedReader, path: str, max_pixels: int, *, fast: bool) -> Picture:
    """Open what Pillow reads.

    Args:
        file: The open file.
        path: Its name, for messages.
        max_pixels: A picture that claims more is refused.
        fast: Use the preview in the EXIF data, if that is large enough.

    Raises:
        As `open_image` and `load`.
    """
    image = open_image(file, path, max_pixels)
    profile = image.info.get("icc_profile")
    if image.format not in _SHRINK_WHILE_DECODING:
        load(image, path, max_pixels)  # only now are its size and orientation final
        return Picture(image.size, orientation(image), profile, lambda least: (image, (0, 0, *image.size)))

    def shrunk(least: Size) -> tuple[Image.Image, Box]:
        preview = embedded.exif_preview(image, least) if fast else None
        if preview is not None:
            return preview, (0, 0, *preview.size)
        return load_shrunk(image, file, path, least)

    return Picture(image.size, orientation(image), profile, shrunk)


def load(image: Image.Image, path: str, max_pixels: int) -> None:
    """Decode a picture in full, or its first frame.

    Raises:
        DamagedImage: It cannot be decoded to its end.
        ImageTooLarge: A part of it has too many pixels.
    """
    with explained(path, max_pixels):
        image.load()


def load_shrunk(image: Image.Image, file: io.BufferedReader, path: str, least: Size) -> tuple[Image.Image, Box]:
    """Decode a JPEG at the smallest size that is not below `least`; give it and its frame in decoded pixels.

    Raises:
        DamagedImage: It cannot be decoded to its end.
    """
    if _is_padded(file):
        raise DamagedImage(path=path, reason="only zero bytes where its end should be, as of a download that broke off")
    width = image.width
    with explained(path, None):
        drafted = image.draft(None, least)
        frame = drafted[1] if drafted else (0, 0, *image.size)
        if image.info.get("progressive") and round(width / frame[2]) == progressive.SHRINK:
            image = _without_detail(image, file, least)
        image.load()
    return image, frame


def orientation(image: Image.Image) -> int:
    """Give the EXIF orientation, 1 to 8; 1 where none can be read."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken EXIF data is no reason to show nothing; the picture itself is already read
        return 1
    return value if value in range(1, 9) else 1


def _is_padded(file: io.BufferedReader) -> bool:
    """Tell whether a JPEG ends in zeros and nothing else: the decoder would show what is missing as grey."""
    file.seek(-min(_TAIL, file.seek(0, os.SEEK_END)), os.SEEK_END)
    if any(file.read()):
        return False
    file.seek(0)
    return not jpeg.has_end(file.read())


def _without_detail(image: Image.Image, file: io.BufferedReader, least: Size) -> Image.Image:
    file.seek(0)
    data = progressive.without_detail(file.read())
    if data is None:
        file.seek(0)
        return image
    smaller = Image.open(io.BytesIO(data), formats=("JPEG",))
    smaller.draft(None, least)
    return smaller


def _limit_pillow(max_pixels: int) -> None:
    """Give Pillow our limit, which it checks in inner parts of a file too; it refuses from twice its own on."""
    if (half := (max_pixels + 1) // 2) != Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = half
        warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module=r"PIL\.")  # remarks on metadata: nobody can act on them


@contextmanager
def explained(path: str, max_pixels: int | None) -> Iterator[None]:
    """Turn whatever a reader raises on a bad file into an error that names the file and says what is wrong."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise NotAnImage(path=path) from error
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(path=path, pixels=_pixels(error), limit=max_pixels) from error
    except (MemoryError, ProcessionError):
        raise
    except Exception as error:  # Pillow's readers raise nearly anything on hostile data
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's fault, not the file's
        raise DamagedImage(path=path, reason=str(error) or type(error).__name__) from error


def _pixels(error: Exception) -> int:
    """Read the number of pixels out of Pillow's message."""
    digits = [word for word in str(error).replace("(", "").split() if word.isdigit()]
    return int(digits[0]) if digits else 0
