"""Which files are pictures by their suffix, and what each output format can hold.

Knows: suffixes, the modes a format takes, its usual quality.
Must not know: Pillow itself. The parent plans without loading it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

Choice = Literal["jpg", "webp", "avif", "png", "same"]

# What Pillow 13 opens by itself (a test compares). Left out: what needs another program (EPS: Ghostscript), has only
# a stub for a decoder (BUFR, GRIB, HDF5, WMF, EMF, MPEG) or is only written (PDF, PALM).
READABLE = frozenset(
    ".apng .avif .avifs .blp .bmp .bw .cur .dcx .dds .dib .fit .fits .flc .fli .ftc .ftu .gbr .gif .icb .icns .ico "
    ".iim .im .j2c .j2k .jfif .jp2 .jpc .jpe .jpeg .jpf .jpg .jpx .mpo .msp .pbm .pcd .pcx .pfm .pgm .png .pnm .ppm "
    ".psd .pxr .qoi .ras .rgb .rgba .sgi .tga .tif .tiff .vda .vst .webp .xbm .xpm".split()
)

# What extras read. Raw files are known by nothing but their suffix: inside many are TIFF files with a small preview.
HEIC = frozenset(".heic .heics .heif .heifs .hif".split())
RAW = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 .rwl "
    ".sr2 .srf .srw .x3f".split()
)
_PICTURES = READABLE | HEIC | RAW


@dataclass(frozen=True)
class Format:
    """One format that thumbnails are written in.

    Args:
        name: Pillow's name.
        modes: What it holds, of L, LA, RGB and RGBA.
        suffixes: The suffixes that mean it; the first is the one given to new files.
        quality: The quality used where none is asked for; None: it has none.
        shown: Browsers show it.
    """

    name: str
    modes: frozenset[str]
    suffixes: tuple[str, ...]
    quality: int | None = None
    shown: bool = True


_OPAQUE = frozenset(("L", "RGB"))
_ANY = frozenset(("L", "LA", "RGB", "RGBA"))

FORMATS = {
    format.name: format
    for format in (
        Format("JPEG", _OPAQUE, (".jpg", ".jpeg", ".jpe", ".jfif"), quality=85),
        Format("WEBP", frozenset(("RGB", "RGBA")), (".webp",), quality=80),
        Format("AVIF", frozenset(("RGB", "RGBA")), (".avif",), quality=65),
        Format("PNG", _ANY, (".png", ".apng")),
        Format("GIF", frozenset(("L", "RGB", "RGBA")), (".gif",)),
        Format("TIFF", _ANY, (".tif", ".tiff"), shown=False),
        Format("BMP", _OPAQUE, (".bmp",)),
    )
}
_BY_SUFFIX = {suffix: format for format in FORMATS.values() for suffix in format.suffixes}
_BY_CHOICE = {"jpg": "JPEG", "webp": "WEBP", "avif": "AVIF", "png": "PNG"}


def is_readable(name: str) -> bool:
    """Tell by its suffix whether a file should be a picture."""
    return os.path.splitext(name)[1].lower() in _PICTURES


def is_raw(name: str) -> bool:
    """Tell by its suffix whether a file holds what a camera's sensor saw."""
    return os.path.splitext(name)[1].lower() in RAW


def by_suffix(name: str) -> Format | None:
    """Give the output format that a file's suffix means, if it means one."""
    return _BY_SUFFIX.get(os.path.splitext(name)[1].lower())


def output_format(choice: Choice, source: str) -> tuple[Format, str]:
    """Choose the format of one output and the suffix it gets, without the dot.

    `same` keeps the input's format and the spelling of its suffix; what cannot be written becomes PNG.
    """
    if choice != "same":
        format = FORMATS[_BY_CHOICE[choice]]
        return format, format.suffixes[0][1:]
    same = by_suffix(source)
    if same is None:
        return FORMATS["PNG"], "png"
    return same, os.path.splitext(source)[1][1:]
