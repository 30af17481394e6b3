"""Pictures of every kind, made by Pillow: what the tests of the jobs and of the command line read."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PIL")

from PIL import Image, ImageCms

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def photo(size: tuple[int, int] = (640, 480), mode: str = "RGB") -> Image.Image:
    """A picture with smooth colours and a fine pattern, the same at every call."""
    across = Image.linear_gradient("L").resize(size)
    down = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize(size)
    noise = Image.effect_mandelbrot(size, (-2, -1.5, 1, 1.5), 60)
    return Image.merge("RGB", (across, down, noise)).convert(mode)


def corners(size: tuple[int, int] = (400, 200)) -> Image.Image:
    """Four quarters: red, green / blue, white, so that a turn can be seen."""
    image = Image.new("RGB", size, WHITE)
    width, height = size[0] // 2, size[1] // 2
    image.paste(RED, (0, 0, width, height))
    image.paste(GREEN, (width, 0, 2 * width, height))
    image.paste(BLUE, (0, height, width, 2 * height))
    return image


def orientation(value: int) -> Image.Exif:
    """EXIF data that says how the picture is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def profile(name: str = "sRGB") -> bytes:
    """An ICC profile for RGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()  # type: ignore[arg-type]


def swapped_profile() -> bytes:
    """An RGB profile in which red and green have changed places, so that its use can be seen."""
    data = bytearray(profile())
    red, green = data.index(b"rXYZ"), data.index(b"gXYZ")
    data[red], data[green] = data[green], data[red]
    return bytes(data)


def grey_profile() -> bytes:
    """A grey profile of gamma 1.0, which is far from sRGB."""
    curve = b"curv" + bytes(4) + struct.pack(">I", 0)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    table = struct.pack(">I", 2) + b"kTRC" + struct.pack(">II", 156, 12) + b"wtpt" + struct.pack(">II", 168, 20)
    head = bytearray(128)
    head[8:12] = b"\x02\x40\x00\x00"
    head[12:24] = b"mntrGRAYXYZ "
    head[36:40] = b"acsp"
    head[68:80] = struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    body = bytes(head) + table + curve + white
    return struct.pack(">I", len(body)) + body[4:]


def saved(image: Image.Image, path: Path, **options: Any) -> Path:
    """Save a picture and give its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def cut(path: Path, part: float = 0.5) -> Path:
    """Cut a file off after a part of it."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    return path


def bomb(path: Path, size: tuple[int, int] = (20000, 20000)) -> Path:
    """A PNG of a few hundred bytes that claims to be huge."""
    header = struct.pack(">IIBBBBB", *size, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(99))))
    return path


def encoded(image: Image.Image, format: str = "JPEG", **options: Any) -> bytes:
    """Give the bytes of a picture file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def near(first: Any, second: Any, distance: int = 12) -> bool:
    """Tell whether two pixels look the same."""
    return all(abs(a - b) <= distance for a, b in zip(first, second, strict=True))


Maker = Callable[[Path], Path]
