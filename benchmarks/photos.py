"""The photographs that the thumbnail cells work on: copies of a few, to make many.

Knows: `examples/photos` of the checkout, or the folder that BENCH_PHOTOS names. Files that Pillow cannot decode (the
examples have one on purpose) are left out.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples" / "photos"


class NoPhotos(Exception):
    """There is no folder of photographs, or nothing in it can be decoded."""


def originals() -> list[Path]:
    """List the photographs that can be decoded whole."""
    from PIL import Image

    folder = Path(os.environ.get("BENCH_PHOTOS") or EXAMPLES)
    if not folder.is_dir():
        raise NoPhotos("no examples/photos here; name a folder of photographs by BENCH_PHOTOS=")
    good = []
    for path in sorted(folder.iterdir()):
        try:
            with Image.open(path) as image:
                image.load()
        except OSError:
            continue
        good.append(path)
    if not good:
        raise NoPhotos("no file of the folder can be decoded")
    return good


def copy(folder: Path, count: int) -> None:
    """Fill `folder` with `count` copies, the photographs in turn, under names of their own."""
    photographs = originals()
    for number in range(count):
        original = photographs[number % len(photographs)]
        shutil.copyfile(original, folder / f"{number:04} {original.stem}{original.suffix.lower()}")
