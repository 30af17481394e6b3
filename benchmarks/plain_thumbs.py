"""The plain script that `procession thumbs` is measured against: Pillow under `multiprocessing.Pool`.

    python plain_thumbs.py INPUTS OUTPUTS WORKERS [thumbnail|decode]

WORKERS 0 runs without a pool. `decode` only reads and decodes, shrinking as far as the JPEG decoder does by itself:
what no thumbnail program can do without.
"""

import functools
import multiprocessing
import sys
from pathlib import Path

from PIL import Image

SIDE = 256


def thumbnail(outputs: Path, path: Path) -> None:
    """Write one thumbnail, as the Pillow tutorial does."""
    with Image.open(path) as image:
        image.thumbnail((SIDE, SIDE))
        image.convert("RGB").save(outputs / (path.stem + ".jpg"))


def decode(outputs: Path, path: Path) -> None:
    """Only decode."""
    with Image.open(path) as image:
        image.draft("RGB", (SIDE, SIDE))
        image.load()


def main(inputs: str, outputs: str, workers: str, what: str = "thumbnail") -> None:
    """Run over a folder."""
    task = functools.partial({"thumbnail": thumbnail, "decode": decode}[what], Path(outputs))
    paths = sorted(Path(inputs).iterdir())
    if workers == "0":
        for path in paths:
            task(path)
    else:
        with multiprocessing.Pool(int(workers)) as pool:
            for _ in pool.imap_unordered(task, paths):
                pass


if __name__ == "__main__":
    main(*sys.argv[1:])
