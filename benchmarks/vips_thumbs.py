"""The same thumbnails by pyvips under `multiprocessing.Pool`: `python vips_thumbs.py INPUTS OUTPUTS WORKERS`."""

import functools
import multiprocessing
import sys
from pathlib import Path

import pyvips

SIDE = 256


def thumbnail(outputs: Path, path: Path) -> None:
    """Write one thumbnail; libvips shrinks while it decodes, and turns the picture upright."""
    image = pyvips.Image.thumbnail(str(path), SIDE)
    image.write_to_file(str(outputs / (path.stem + ".jpg")))


def main(inputs: str, outputs: str, workers: str) -> None:
    """Run over a folder, each worker with one thread of libvips."""
    pyvips.concurrency_set(1)
    with multiprocessing.get_context("spawn").Pool(int(workers), pyvips.concurrency_set, (1,)) as pool:
        for _ in pool.imap_unordered(functools.partial(thumbnail, Path(outputs)), sorted(Path(inputs).iterdir())):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
