"""HEIC: what it looks like, and the extra that reads it.

Knows: the first bytes of such files, pillow-heif.
Must not know: what becomes of the picture. Once prepared, Pillow opens it like any other.
"""

from __future__ import annotations

from importlib.util import find_spec

from procession.jobs.errors import ExtraMissing

HEAD = 32  # bytes that must be looked at
_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"))


def is_heic(head: bytes) -> bool:
    """Tell by its first bytes whether a file is HEIC; telephones give some the suffix .jpg."""
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, HEAD, 4))}
    return head[4:8] == b"ftyp" and bool(brands & _BRANDS) and not brands & {b"avif", b"avis"}


def prepare(path: str) -> None:
    """Let Pillow read HEIC.

    Raises:
        ExtraMissing: pillow-heif is not installed.
    """
    if find_spec("pillow_heif") is None:
        raise ExtraMissing(path=path, kind="a HEIC picture", extra="heic")
    import pillow_heif

    pillow_heif.register_heif_opener()
