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


def dng(path: Path, size: tuple[int, int] = (640, 480), *, preview: bytes = b"", turn: int = 1) -> Path:
    """A raw file: the four quarters of `corners` behind a sensor's colour filter, with a preview if one is given."""
    width, height = size
    rows = []
    for y in range(height):
        left = (RED, BLUE)[y >= height // 2]
        right = (GREEN, WHITE)[y >= height // 2]
        cells = [[(0, 1), (1, 2)][y % 2][x % 2] for x in range(width)]  # red green / green blue
        values = [(left if x < width // 2 else right)[cell] * 257 for x, cell in enumerate(cells)]
        rows.append(struct.pack(f"<{width}H", *values))
    data = b"".join(rows)
    matrix = (3.2404542, -1.5371385, -0.4985314, -0.969266, 1.8760108, 0.041556, 0.0556434, -0.2040259, 1.0572252)
    raw = _ifd_entries(width, height, 16, 1, 32803, 1, len(data))
    raw |= {
        0x828D: (3, [2, 2]),
        0x828E: (1, [0, 1, 1, 2]),
        0xC612: (1, [1, 4, 0, 0]),
        0xC614: (2, list(b"test\0")),
        0xC621: (10, [number for value in matrix for number in (round(value * 10000), 10000)]),
        0xC628: (5, [1, 1] * 3),
        0x0112: (3, [turn]),
    }
    blocks = [(raw, data)]
    if preview:
        image = Image.open(io.BytesIO(preview))
        small = _ifd_entries(image.width, image.height, 8, 7, 6, 3, len(preview))
        blocks.append((small | {0x00FE: (4, [1])}, preview))
    path.write_bytes(_tiff(blocks))
    return path


def _ifd_entries(
    width: int, height: int, bits: int, compression: int, colours: int, samples: int, length: int
) -> dict[int, tuple[int, list[int]]]:
    return {
        0x00FE: (4, [0]),
        0x0100: (4, [width]),
        0x0101: (4, [height]),
        0x0102: (3, [bits] * samples),
        0x0103: (3, [compression]),
        0x0106: (3, [colours]),
        0x0111: (4, [0]),
        0x0115: (3, [samples]),
        0x0116: (4, [height]),
        0x0117: (4, [length]),
    }


def _tiff(blocks: list[tuple[dict[int, tuple[int, list[int]]], bytes]]) -> bytes:
    """Lay directories of numbers and the pixels of each one behind the other."""
    letters = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 10: "i"}
    out = bytearray(b"II*\0\x08\0\0\0")
    for number, (entries, data) in enumerate(blocks):
        table = len(out)
        after = table + 2 + 12 * len(entries) + 4
        values = bytearray()
        where = after + sum(
            len(numbers) * struct.calcsize(letters[kind]) + 1
            for kind, numbers in entries.values()
            if len(numbers) * struct.calcsize(letters[kind]) > 4
        )
        entries = entries | {0x0111: (4, [where])}
        out += struct.pack("<H", len(entries))
        for tag, (kind, numbers) in sorted(entries.items()):
            packed = struct.pack(f"<{len(numbers)}{letters[kind]}", *numbers)
            count = len(numbers) // 2 if kind in (5, 10) else len(numbers)
            field = packed.ljust(4, b"\0")
            if len(packed) > 4:
                field = struct.pack("<I", after + len(values))
                values += packed + b"\0"
            out += struct.pack("<HHI", tag, kind, count) + field
        following = where + len(data)
        out += struct.pack("<I", following if number + 1 < len(blocks) else 0)
        out += bytes(values).ljust(where - after, b"\0") + data
    return bytes(out)
