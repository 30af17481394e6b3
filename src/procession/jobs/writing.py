"""From a picture in memory to a file that is whole or not there.

Knows: temporary names, Pillow's writers.
Must not know: where the picture comes from.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from procession.jobs.errors import ImageNotWritable

if TYPE_CHECKING:
    from PIL import Image

_PREFIX = ".procession-"
_SUFFIX = ".tmp"


Identity = tuple[int, int]  # a file's size in bytes and its time in nanoseconds


def write_image(image: Image.Image, target: str, format: str, run: str, options: dict[str, Any]) -> Identity:
    """Write a picture under a temporary name beside its final one, then rename it; give the file's size and time.

    Args:
        image: The picture.
        target: The final name; a file that stands there is replaced in one step.
        format: Pillow's name of the format.
        run: Marks the temporary files of one run, see `remove_left`.
        options: For Pillow's writer.

    Raises:
        ImageNotWritable: The format cannot hold this picture, or this Pillow cannot write it.
        OSError: The disk is full, the folder is gone, ...
    """
    return write_file(target, run, lambda file: _save(image, file, target, format, options))


def write_file(target: str, run: str, write: Callable[[BinaryIO], object]) -> Identity:
    """Let `write` fill a file of a temporary name, then rename it; give the file's size and time.

    Args:
        target: The final name.
        run: Marks the temporary files of one run.
        write: Gets the open file.
    """
    temporary = os.path.join(os.path.dirname(target), _temporary_name(run))
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            status = os.fstat(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    return status.st_size, status.st_mtime_ns


def remove_left(folders: Iterable[str], run: str) -> None:
    """Remove the temporary files that killed workers of one run have left behind.

    Args:
        folders: Where its outputs stand.
        run: The run's mark.
    """
    for folder in folders:
        with suppress(OSError), os.scandir(folder) as entries:
            left = [entry.path for entry in entries if entry.name.startswith(f"{_PREFIX}{run}-")]
            for path in left:
                with suppress(OSError):
                    os.unlink(path)


def _temporary_name(run: str) -> str:
    """A thread writes one file at a time, so its number in the system is enough within a run."""
    return f"{_PREFIX}{run}-{threading.get_native_id()}{_SUFFIX}"


def _save(image: Image.Image, file: BinaryIO, target: str, format: str, options: dict[str, Any]) -> None:
    try:
        image.save(file, format, **options)
    except (KeyError, ValueError) as error:
        raise ImageNotWritable(path=target, format=format, reason=str(error)) from error
