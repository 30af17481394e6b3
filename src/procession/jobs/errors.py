"""Why a picture could not be made, and why a plan was refused.

Knows: the facts of each error, kept as attributes as in `model/errors.py`.
Must not know: Pillow. The parent builds these errors again where Pillow may be absent.
"""

from __future__ import annotations

from procession.model.errors import ProcessionError, shorten


class PlanRefused(ProcessionError):
    """The inputs cannot be turned into outputs as asked; no work was started.

    Args:
        reason: What is wrong and what to do.
    """

    facts = ("reason",)
    reason: str

    def text(self) -> str:
        return self.reason


class RecordsUnusable(ProcessionError):
    """The file in which an output folder's thumbnails are recorded cannot be read or written; what it holds is kept.

    Args:
        path: The file.
        reason: Why not, and what to do.
    """

    facts = ("path", "reason")
    path: str
    reason: str

    def text(self) -> str:
        return f"{shorten(self.path)}: cannot be used: {self.reason}"


class NotAnImage(ProcessionError):
    """The file holds nothing that Pillow recognises as a picture.

    Args:
        path: The file.
        reason: What it is instead, where that is known.
    """

    facts = ("path", "reason")
    path: str
    reason: str | None

    def text(self) -> str:
        return f"{shorten(self.path)}: {self.reason or 'is not an image, or of a kind that Pillow cannot read'}"


class ExtraMissing(ProcessionError):
    """The picture is of a kind that only an extra reads, which is not installed.

    Args:
        path: The file.
        kind: What it is.
        extra: The extra's name.
    """

    facts = ("path", "kind", "extra")
    path: str
    kind: str
    extra: str

    def text(self) -> str:
        return f"{shorten(self.path)}: is {self.kind}, which needs an extra: pip install 'procession[{self.extra}]'"


class DamagedImage(ProcessionError):
    """The file begins as a picture but cannot be decoded to its end.

    Args:
        path: The file.
        reason: What the decoder said.
    """

    facts = ("path", "reason")
    path: str
    reason: str

    def text(self) -> str:
        return f"{shorten(self.path)}: the image is damaged or cut short: {self.reason}"


class ImageTooLarge(ProcessionError):
    """The picture has more pixels than allowed; it was not decoded.

    Args:
        path: The file.
        pixels: How many it claims to have.
        limit: How many are allowed.
    """

    facts = ("path", "pixels", "limit")
    path: str
    pixels: int
    limit: int

    def text(self) -> str:
        return (
            f"{shorten(self.path)}: has {self.pixels:,} pixels, more than the {self.limit:,} allowed; "
            "a decompression bomb? if you trust it, raise max_pixels= (--max-pixels)"
        )


class ImageNotWritable(ProcessionError):
    """The picture was made but the format cannot hold it, or this Pillow cannot write the format.

    Args:
        path: The output.
        format: Pillow's name of the format.
        reason: What Pillow said.
    """

    facts = ("path", "format", "reason")
    path: str
    format: str
    reason: str

    def text(self) -> str:
        return f"{shorten(self.path)}: could not be written as {self.format}: {self.reason}"
