"""What shrinking inside the decoder costs in quality: the difference from a full decode with LANCZOS, level by level.

Knows: Pillow. A difference is the mean over all pixels and channels, on the scale of 0 to 255.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from PIL import Image, ImageChops, ImageOps, ImageStat

from benchmarks import photos
from benchmarks.cell import Cell
from benchmarks.measures.thumbs import procession_command

SIDE = (256, 256)


def quality(cell: Cell) -> None:
    """Compare each photograph's thumbnail with the best one."""
    paths = photos.originals()[: cell.pick(None, 2)]
    if cell.peer == "procession thumbs":
        differences = _of_the_command(cell, paths)
    else:
        gap = float(cell.peer.split("=")[1])
        differences = [difference(_shrunk(path, gap), _best(path)) for path in paths]
    cell.report(mean_difference=sum(differences) / len(differences), worst_difference=max(differences))


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean absolute difference of two pictures of the same size."""
    if one.size != other.size:
        other = other.resize(one.size, Image.Resampling.LANCZOS)  # sizes may differ by a rounding of one pixel
    means = ImageStat.Stat(ImageChops.difference(one, other)).mean
    return sum(means) / len(means)


def _best(path: Path) -> Image.Image:
    with Image.open(path) as image:
        whole = ImageOps.exif_transpose(image).convert("RGB")
        return ImageOps.contain(whole, SIDE, Image.Resampling.LANCZOS)


def _shrunk(path: Path, gap: float) -> Image.Image:
    with Image.open(path) as image:
        image.thumbnail(SIDE, Image.Resampling.LANCZOS, reducing_gap=gap)
        return ImageOps.exif_transpose(image).convert("RGB")


def _of_the_command(cell: Cell, paths: list[Path]) -> list[float]:
    """The same for the files that `procession thumbs` writes, as PNG, which adds no loss of its own."""
    with cell.folder() as folder:
        options = ["-o", str(folder), "-s", "256", "-j", "2", "--format", "png"]
        command = [*procession_command(), "thumbs", *map(str, paths), *options]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        found = []
        for path in paths:
            with Image.open(folder / f"{path.stem}.png") as image:
                found.append(difference(image.convert("RGB"), _best(path)))
        return found
