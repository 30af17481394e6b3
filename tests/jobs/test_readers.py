"""What is not Pillow's usual way: several sizes, the other engine, previews, HEIC, raw files, AVIF."""

from __future__ import annotations

import importlib.util
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PIL")

from PIL import Image, ImageChops, ImageStat, features

from procession.jobs import errors, heic, raw
from procession.jobs.naming import Target, Thumb
from procession.jobs.settings import ThumbSettings
from procession.jobs.thumbs import make_thumbnail
from tests.jobs import pictures
from tests.jobs.conftest import Make
from tests.jobs.pictures import BLACK, BLUE, GREEN, RED, WHITE, near

needs_heic = pytest.mark.skipif(importlib.util.find_spec("pillow_heif") is None, reason="the extra heic is missing")
needs_raw = pytest.mark.skipif(importlib.util.find_spec("rawpy") is None, reason="the extra raw is missing")
needs_vips = pytest.mark.skipif(importlib.util.find_spec("pyvips") is None, reason="the extra vips is missing")
needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
ENGINES = ["pillow", pytest.param("vips", marks=needs_vips)]


def corners_of(image: Image.Image) -> list[Any]:
    """The colours near the four corners, row by row."""
    image = image.convert("RGB")
    width, height = image.size
    across, down = width // 8, height // 8
    return [image.getpixel((x, y)) for y in (down, height - 1 - down) for x in (across, width - 1 - across)]


def shows(image: Image.Image, *colours: tuple[int, int, int], distance: int = 40) -> bool:
    return all(near(a, b, distance) for a, b in zip(corners_of(image), colours, strict=True))


# Several sizes


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fill", [False, True])
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_several_sizes_look_like_each_alone(make: Make, tmp_path: Path, name: str, fill: bool, engine: Any) -> None:
    path = pictures.saved(pictures.photo((1200, 800)), tmp_path / name, exif=pictures.orientation(6))
    sizes = ((64, 64), (300, 200), (128, 256))
    targets = tuple(Target(str(tmp_path / f"{number}.png"), size, number) for number, size in enumerate(sizes))
    settings = ThumbSettings(sizes=sizes, fill=fill, engine=engine)
    made = make_thumbnail(settings, Thumb(str(path), "PNG", targets))
    assert [each.place for each in made] == [0, 1, 2]
    for target in targets:
        alone = make(path, "t.png", target.size, fill=fill, engine=engine)
        together = Image.open(target.path)
        assert together.size == alone.size
        assert max(ImageStat.Stat(ImageChops.difference(together.convert("RGB"), alone.convert("RGB"))).mean) < 4


def test_a_picture_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    usual = Image.open
    monkeypatch.setattr(Image, "open", lambda *args, **more: opened.append(1) or usual(*args, **more))
    path = pictures.saved(pictures.photo(), tmp_path / "a.png")
    targets = tuple(Target(str(tmp_path / f"{side}.jpg"), (side, side)) for side in (20, 30, 40))
    make_thumbnail(ThumbSettings(), Thumb(str(path), "JPEG", targets))
    assert opened == [1]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_damaged_picture_has_no_output_at_all(tmp_path: Path, engine: Any) -> None:
    path = pictures.cut(pictures.saved(pictures.photo(), tmp_path / "a.png"))
    (tmp_path / "out").mkdir()
    targets = tuple(Target(str(tmp_path / "out" / f"{side}.jpg"), (side, side)) for side in (20, 30))
    with pytest.raises(errors.DamagedImage, match="a.png"):
        make_thumbnail(ThumbSettings(engine=engine), Thumb(str(path), "JPEG", targets))
    assert not list((tmp_path / "out").iterdir())


# AVIF


@needs_avif
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "CMYK"])
def test_avif(make: Make, tmp_path: Path, mode: str, engine: Any) -> None:
    name = "a.tif" if mode == "CMYK" else "a.png"
    small = make(pictures.saved(pictures.photo((400, 300), mode), tmp_path / name), "t.avif", engine=engine)
    assert small.size == (100, 75) and small.mode in ("RGB", "RGBA")


# The other engine


@needs_vips
@pytest.mark.parametrize("name", ["t.jpg", "t.png", "t.webp", "t.gif", "t.tif"])
@pytest.mark.parametrize("source", ["a.jpg", "a.png", "a.webp", "a.tif", "a.gif"])
def test_vips_gives_what_pillow_gives(make: Make, tmp_path: Path, source: str, name: str) -> None:
    path = pictures.saved(pictures.corners((800, 600)), tmp_path / source)
    assert shows(make(path, name, engine="vips"), RED, GREEN, BLUE, WHITE)


@needs_vips
@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("fill", [False, True])
def test_vips_turns_upright(make: Make, tmp_path: Path, turn: int, fill: bool) -> None:
    path = pictures.saved(pictures.corners((800, 400)), tmp_path / "a.jpg", exif=pictures.orientation(turn))
    one, other = (make(path, "t.png", (60, 100), fill=fill, engine=engine) for engine in ("vips", "pillow"))
    assert one.size == other.size and not one.getexif()
    assert shows(one, *corners_of(other), distance=20)


@needs_vips
def test_vips_colours(make: Make, tmp_path: Path) -> None:
    path = pictures.saved(pictures.corners(), tmp_path / "a.png", icc_profile=pictures.swapped_profile())
    kept = make(path, "t.png", engine="vips")
    assert kept.info["icc_profile"] and shows(kept, RED, GREEN, BLUE, WHITE)
    assert shows(make(path, "t.png", engine="vips", srgb=True), GREEN, RED, BLUE, WHITE, distance=60)


@needs_vips
def test_vips_cmyk(make: Make, tmp_path: Path) -> None:
    path = pictures.saved(pictures.corners((800, 400)).convert("CMYK"), tmp_path / "a.jpg", quality=95)
    small = make(path, engine="vips")
    assert small.mode == "RGB" and shows(small, RED, GREEN, BLUE, WHITE, distance=150)  # as printed


@needs_vips
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_vips_puts_what_is_transparent_on_white(make: Make, tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (200, 100), (0, 0, 0, 0))
    image.paste((40, 40, 40, 255), (0, 0, 100, 100))
    path = pictures.saved(image.convert(mode), tmp_path / "a.png")
    small = make(path, engine="vips")
    assert shows(small, (40, 40, 40), WHITE, (40, 40, 40), WHITE)


@needs_vips
def test_vips_never_enlarges_unless_it_fills(make: Make, tmp_path: Path) -> None:
    path = pictures.saved(pictures.corners((40, 20)), tmp_path / "a.png")
    assert make(path, engine="vips").size == (40, 20)
    assert make(path, engine="vips", fill=True).size == (100, 100)


@needs_vips
def test_vips_says_what_it_cannot_read(make: Make, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no picture")
    (tmp_path / "b.jpg").touch()
    eps = pictures.saved(pictures.photo(), tmp_path / "c.jpg", format="EPS")
    for path in (tmp_path / "a.jpg", tmp_path / "b.jpg", eps):
        with pytest.raises(errors.NotAnImage, match=path.name):
            make(path, engine="vips")
    with pytest.raises(errors.ImageTooLarge):
        make(pictures.bomb(tmp_path / "d.png"), engine="vips")
    with pytest.raises(errors.ImageNotWritable, match="vips engine"):
        make(pictures.saved(pictures.photo(), tmp_path / "e.png"), "t.bmp", engine="vips")


# The preview in the EXIF data


def with_preview(path: Path, preview: bytes, size: tuple[int, int] = (1600, 1200)) -> Path:
    """A green photograph with this preview."""
    entries = [(0x0201, 4, 1, 44), (0x0202, 4, 1, len(preview))]
    second = struct.pack("<H", 2) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HI", 0, 14) + second + preview
    return pictures.saved(Image.new("RGB", size, GREEN), path, exif=exif)


@pytest.fixture
def preview_of(tmp_path: Path) -> Callable[..., Path]:
    def preview_of(preview: tuple[int, int], size: tuple[int, int]) -> Path:
        return with_preview(tmp_path / "a.jpg", pictures.encoded(Image.new("RGB", preview, RED)), size)

    return preview_of


@pytest.mark.parametrize(
    ("preview", "size", "photograph", "used"),
    [
        ((160, 120), (100, 100), (1600, 1200), True),
        ((160, 120), (160, 160), (1600, 1200), True),
        ((160, 120), (161, 161), (1600, 1200), False),
        ((160, 107), (100, 100), (3000, 2000), True),  # 106.7, rounded
        ((160, 120), (100, 100), (3000, 2000), False),  # with black bars
    ],
)
def test_the_preview_is_used_where_it_will_do(
    make: Make,
    preview_of: Callable[..., Path],
    preview: tuple[int, int],
    size: tuple[int, int],
    photograph: tuple[int, int],
    used: bool,
) -> None:
    path = preview_of(preview, photograph)
    assert shows(make(path, size=size, fast=True), *[RED if used else GREEN] * 4)
    assert shows(make(path, size=size), *[GREEN] * 4)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"nonsense" * 9])
def test_a_broken_preview_is_none(make: Make, tmp_path: Path, data: bytes) -> None:
    assert shows(make(with_preview(tmp_path / "a.jpg", data), fast=True), *[GREEN] * 4)


def test_a_photograph_without_a_preview(make: Make, tmp_path: Path) -> None:
    assert make(pictures.saved(pictures.photo(), tmp_path / "a.jpg"), fast=True).size == (100, 75)


# HEIC


@needs_heic
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["a.heic", "a.jpg"])
def test_heic_whatever_its_name_says(make: Make, tmp_path: Path, name: str, engine: Any) -> None:
    heic.prepare("")
    path = pictures.saved(pictures.corners((800, 400)), tmp_path / name, format="HEIF")
    small = make(path, engine=engine)
    assert small.size == (100, 50) and shows(small, RED, GREEN, BLUE, WHITE)


@needs_heic
def test_heic_that_is_cut_short(make: Make, tmp_path: Path) -> None:
    heic.prepare("")
    path = pictures.cut(pictures.saved(pictures.photo(), tmp_path / "a.heic", format="HEIF"))
    with pytest.raises((errors.DamagedImage, errors.NotAnImage), match="a.heic"):
        make(path)


def test_without_the_extra_each_item_names_it(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (heic, raw):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))
    (tmp_path / "a.NEF").write_bytes(b"II*\0" + bytes(99))
    with pytest.raises(errors.ExtraMissing, match=r"a.heic': is a HEIC picture.*pip install 'procession\[heic\]'"):
        make(tmp_path / "a.heic")
    with pytest.raises(errors.ExtraMissing, match=r"a.NEF': is a raw file.*pip install 'procession\[raw\]'"):
        make(tmp_path / "a.NEF")


def test_avif_is_not_taken_for_heic() -> None:
    assert not heic.is_heic(b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf")
    assert heic.is_heic(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic")
    assert not heic.is_heic(b"")


# Raw files


@needs_raw
@pytest.mark.parametrize("size", [(100, 100), (600, 600), (320, 240)])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_raw_file_is_developed(make: Make, tmp_path: Path, size: tuple[int, int], engine: Any) -> None:
    small = make(pictures.dng(tmp_path / "a.dng"), size=size, engine=engine)
    assert max(small.size) == size[0] and shows(small, RED, GREEN, BLUE, WHITE)


@needs_raw
@pytest.mark.parametrize(("turn", "colours"), [(3, (WHITE, BLUE, GREEN, RED)), (6, (BLUE, RED, WHITE, GREEN))])
def test_a_raw_file_is_turned_upright(make: Make, tmp_path: Path, turn: int, colours: Any) -> None:
    small = make(pictures.dng(tmp_path / "a.dng", turn=turn), fill=True)
    assert small.size == (100, 100) and shows(small, *colours)


@needs_raw
def test_the_preview_of_a_raw_file(make: Make, tmp_path: Path) -> None:
    preview = pictures.encoded(Image.new("RGB", (320, 240), BLACK))
    path = pictures.dng(tmp_path / "a.dng", preview=preview)
    assert shows(make(path, fast=True), *[BLACK] * 4)
    assert shows(make(path, fast=True, size=(400, 400)), RED, GREEN, BLUE, WHITE)
    assert shows(make(path), RED, GREEN, BLUE, WHITE)


@needs_raw
def test_a_raw_file_that_is_none(make: Make, tmp_path: Path) -> None:
    (tmp_path / "a.cr2").write_bytes(b"nothing of the kind" * 99)
    with pytest.raises(errors.DamagedImage, match="a.cr2"):
        make(tmp_path / "a.cr2")
    with pytest.raises(errors.ImageTooLarge):
        make(pictures.dng(tmp_path / "a.dng"), max_pixels=1000)
