"""Colours: modes that can be resized, profiles, and what an output format can hold.

Knows: Pillow's modes and its colour management.
Must not know: files and sizes.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from PIL import ImageCms

_SPACE = {"L": b"GRAY", "LA": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB ", "CMYK": b"CMYK", "LAB": b"Lab "}
_PLAIN = {"RGBX": "RGB", "HSV": "RGB", "YCbCr": "RGB", "La": "LA", "RGBa": "RGBA"}
_SIXTEEN_BITS = 65535.0


def resizable(image: Image.Image) -> Image.Image:
    """Give the picture in a mode whose values can be averaged: L, LA, RGB, RGBA, CMYK or LAB.

    More than 8 bits are scaled to 8, never clipped: 16-bit values as they are, other numbers from their least to their
    greatest.
    """
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        return _eight_bits(image)
    if mode in ("P", "PA") or "transparency" in image.info:
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if mode == "1":
        return image.convert("L")
    return image.convert(_PLAIN[mode]) if mode in _PLAIN else image


def finish(
    image: Image.Image, profile: bytes | None, modes: frozenset[str], *, srgb: bool
) -> tuple[Image.Image, bytes | None]:
    """Give the picture in a mode that the output can hold, and the profile that belongs to it.

    Args:
        image: What `resizable` gave, resized.
        profile: The input's ICC profile. One that does not belong to the picture's kind of colour is ignored.
        modes: What the output can hold.
        srgb: Convert to sRGB in place of keeping the profile.
    """
    if profile is not None and profile[16:20] != _SPACE[image.mode]:
        profile = None
    grey_becomes_rgb = image.mode in ("L", "LA") and not modes & {"L", "LA"}
    if image.mode in ("CMYK", "LAB") or (profile and (srgb or grey_becomes_rgb)):
        image, profile = _to_srgb(image, profile), None
    if image.mode not in modes:
        image = _held(image, modes)
    return image, profile


def _eight_bits(image: Image.Image) -> Image.Image:
    least, greatest = 0.0, _SIXTEEN_BITS
    if not image.mode.startswith("I;16"):
        least, greatest = _range(image)
    factor = 255.0 / (greatest - least) if greatest > least else 1.0
    wide = image if image.mode == "F" else image.convert("I").convert("F")
    return wide.point(lambda value: value * factor - least * factor).convert("L")


def _range(image: Image.Image) -> tuple[float, float]:
    """Say which values are black and white: those of 16 bits, of 0 to 1, or the picture's own extremes."""
    least, greatest = (float(value) for value in image.getextrema())  # type: ignore[arg-type]  # one band: two numbers
    if image.mode == "I" and least >= 0 and greatest <= _SIXTEEN_BITS:
        return 0.0, _SIXTEEN_BITS
    if image.mode == "F" and least >= 0 and greatest <= 1:
        return 0.0, 1.0
    return least, greatest


def _held(image: Image.Image, modes: frozenset[str]) -> Image.Image:
    """Bring a picture into one of `modes`; what is transparent becomes white where there is no alpha."""
    if image.mode in ("LA", "RGBA") and not modes & {"LA", "RGBA"}:
        opaque = image.mode.rstrip("A")
        white = Image.new(opaque, image.size, "white")
        white.paste(image.convert(opaque), mask=image.getchannel("A"))
        image = white
    if image.mode in modes:
        return image
    return image.convert("RGBA" if image.mode == "LA" else "RGB")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert colours to sRGB by the profile; without a usable one by Pillow's own rule."""
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    mode = image.mode.rstrip("A")
    image = image.convert(mode)
    transform = _transform(profile, mode)
    grey = mode == "L"
    if transform is not None:
        image = transform.apply(image)
    elif not grey:
        image = image.convert("RGB")
    if grey:
        image = image.convert("L")  # grey in, grey out: sRGB's three values are equal
    if alpha is not None:
        image.putalpha(alpha)
    return image


@lru_cache(maxsize=16)  # photographs of one camera share their profile
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Build the way from a profile to sRGB; None if there is none."""
    from PIL import ImageCms

    if profile is None and mode != "LAB":
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None  # a broken profile says nothing about the colours: viewers ignore it too
