"""Thumbnails of every kind of picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PIL")

from PIL import Image, ImageCms, ImageOps, ImageStat

from procession.jobs import errors, writing
from procession.jobs.naming import Target, Thumb
from procession.jobs.settings import ThumbSettings
from procession.jobs.thumbs import make_thumbnail
from tests.jobs import pictures
from tests.jobs.conftest import Make
from tests.jobs.pictures import BLUE, GREEN, RED, WHITE, near


def thumb(source: Path, target: Path) -> Thumb:
    """One JPEG of the usual size."""
    return Thumb(str(source), "JPEG", (Target(str(target), (256, 256)),))


def difference(first: Image.Image, second: Image.Image) -> float:
    """The mean absolute difference of two pictures, of 255."""
    from PIL import ImageChops

    assert first.size == second.size
    return max(ImageStat.Stat(ImageChops.difference(first.convert("RGB"), second.convert("RGB"))).mean)


@pytest.mark.parametrize("name", ["t.jpg", "t.webp", "t.png", "t.gif", "t.tif", "t.bmp"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_photograph_looks_like_one_decoded_in_full(make: Make, tmp_path: Path, name: str, progressive: bool) -> None:
    path = pictures.saved(pictures.photo((1700, 1100)), tmp_path / "a.jpg", progressive=progressive, quality=92)
    full = Image.open(path)
    full.thumbnail((100, 100), Image.Resampling.LANCZOS, reducing_gap=None)
    assert difference(make(path, name), full) < (9 if name == "t.gif" else 6)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
def test_orientation_is_applied_and_its_tag_dropped(make: Make, tmp_path: Path, name: str, turn: int) -> None:
    path = pictures.saved(pictures.corners((800, 400)), tmp_path / name, exif=pictures.orientation(turn))
    small = make(path, "t.png")
    upright = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    upright.thumbnail((100, 100))
    assert difference(small, upright) < 4
    assert not small.getexif()


def test_orientation_and_fill(make: Make, tmp_path: Path) -> None:
    path = pictures.saved(pictures.corners((800, 400)), tmp_path / "a.jpg", exif=pictures.orientation(6))
    small = make(path, size=(30, 100), fill=True)
    assert small.size == (30, 100)
    assert near(small.getpixel((2, 2)), BLUE) and near(small.getpixel((27, 2)), RED)
    assert near(small.getpixel((27, 97)), GREEN) and near(small.getpixel((2, 97)), WHITE)


def test_broken_exif_means_upright(make: Make, tmp_path: Path) -> None:
    path = pictures.saved(pictures.corners(), tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\xff\x01\x12")
    assert make(path).size == (100, 50)


def test_a_small_picture_is_not_enlarged(make: Make, tmp_path: Path) -> None:
    assert make(pictures.saved(pictures.corners((40, 20)), tmp_path / "a.png")).size == (40, 20)


@pytest.mark.parametrize("size", [(40, 20), (800, 400), (400, 800), (1600, 1599), (1, 1), (5000, 2)])
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_fill_gives_exactly_the_box(make: Make, tmp_path: Path, size: tuple[int, int], name: str) -> None:
    assert make(pictures.saved(pictures.corners(size), tmp_path / name), size=(90, 70), fill=True).size == (90, 70)


def test_metadata_does_not_travel_on(make: Make, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "maker"
    path = pictures.saved(pictures.photo(), tmp_path / "a.jpg", exif=exif, comment=b"secret")
    small = make(path)
    assert not small.getexif() and "comment" not in small.info


# Colour profiles


@pytest.mark.parametrize("name", ["t.jpg", "t.webp", "t.png", "t.tif"])
def test_a_profile_is_kept(make: Make, tmp_path: Path, name: str) -> None:
    profile = pictures.swapped_profile()
    path = pictures.saved(pictures.corners(), tmp_path / "a.jpg", icc_profile=profile, quality=95)
    small = make(path, name)
    assert small.info["icc_profile"] == profile
    assert near(small.convert("RGB").getpixel((5, 5)), RED)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_srgb_converts_by_the_profile(make: Make, tmp_path: Path, mode: str) -> None:
    image = pictures.corners().convert(mode)
    path = pictures.saved(image, tmp_path / "a.png", icc_profile=pictures.swapped_profile())
    small = make(path, "t.png", srgb=True)
    assert "icc_profile" not in small.info
    assert near(small.convert("RGB").getpixel((5, 5)), GREEN) and near(small.convert("RGB").getpixel((95, 5)), RED)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_profiles(make: Make, tmp_path: Path, mode: str) -> None:
    profile = pictures.grey_profile()
    ImageCms.ImageCmsProfile(__import__("io").BytesIO(profile))  # it is one
    image = Image.new("L", (200, 200), 55).convert(mode)
    path = pictures.saved(image, tmp_path / "a.png", icc_profile=profile)
    assert make(path, "t.png").info["icc_profile"] == profile
    assert make(path, "t.png").convert("L").getpixel((5, 5)) == 55
    for name in ("t.png", "t.jpg", "t.webp"):
        small = make_over(make, path, name, srgb=True)
        assert 120 < small.convert("L").getpixel((5, 5)) < 136  # linear 0.216 is 0.5 in sRGB
    assert 120 < make_over(make, path, "t.webp").convert("L").getpixel((5, 5)) < 136  # WebP has no grey


def make_over(make: Make, path: Path, name: str, **settings: Any) -> Image.Image:
    """Make a thumbnail in an empty output folder."""
    for entry in (path.parent / "out").iterdir():
        entry.unlink()
    return make(path, name, **settings)


@pytest.mark.parametrize("profile", [b"nonsense", b"x" * 16 + b"RGB " + b"y" * 200])
@pytest.mark.parametrize("srgb", [False, True])
def test_a_broken_profile_says_nothing(make: Make, tmp_path: Path, profile: bytes, srgb: bool) -> None:
    path = pictures.saved(pictures.corners(), tmp_path / "a.png", icc_profile=profile)
    assert near(make(path, srgb=srgb).getpixel((5, 5)), RED, 8)


def test_a_profile_of_another_kind_of_colour_is_dropped(make: Make, tmp_path: Path) -> None:
    path = pictures.saved(pictures.photo(mode="L"), tmp_path / "a.png", icc_profile=pictures.profile())
    assert "icc_profile" not in make(path, "t.png").info


@pytest.mark.parametrize("name", ["t.jpg", "t.webp", "t.png"])
def test_cmyk_becomes_rgb(make: Make, tmp_path: Path, name: str) -> None:
    path = pictures.saved(pictures.corners((800, 400)).convert("CMYK"), tmp_path / "a.jpg", quality=95)
    small = make(path, name)
    assert small.mode == "RGB"
    assert near(small.getpixel((10, 10)), RED) and near(small.getpixel((90, 45)), WHITE)


def test_cmyk_with_a_broken_profile(make: Make, tmp_path: Path) -> None:
    profile = b"x" * 16 + b"CMYK" + b"y" * 200
    path = pictures.saved(pictures.corners((800, 400)).convert("CMYK"), tmp_path / "a.jpg", icc_profile=profile)
    small = make(path)
    assert near(small.getpixel((10, 10)), RED) and "icc_profile" not in small.info


def test_lab(make: Make, tmp_path: Path) -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(pictures.corners(), srgb, lab, outputMode="LAB")
    assert image is not None
    small = make(pictures.saved(image, tmp_path / "a.tif"))
    assert near(small.getpixel((10, 10)), RED, 25) and near(small.getpixel((90, 10)), GREEN, 25)


# Kinds of pixels


@pytest.mark.parametrize("name", ["t.jpg", "t.png", "t.webp", "t.gif"])
def test_palette(make: Make, tmp_path: Path, name: str) -> None:
    path = pictures.saved(pictures.corners().convert("P", palette=Image.Palette.ADAPTIVE), tmp_path / "a.gif")
    assert near(make(path, name).convert("RGB").getpixel((10, 10)), RED)


def transparent(mode: str) -> Image.Image:
    """Left half opaque and dark, right half transparent over black."""
    image = Image.new("RGBA", (200, 100), (0, 0, 0, 0))
    image.paste((40, 40, 40, 255), (0, 0, 100, 100))
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA"])
@pytest.mark.parametrize("name", ["t.jpg", "t.bmp"])
def test_transparent_becomes_white_where_there_is_no_alpha(make: Make, tmp_path: Path, mode: str, name: str) -> None:
    image = transparent("P") if mode == "PA" else transparent(mode)
    if mode == "PA":
        image = image.convert("RGB").convert("P")
        image.putalpha(transparent("RGBA").getchannel("A"))
        assert image.mode == "PA"
    small = make(pictures.saved(image, tmp_path / ("a.tif" if mode == "PA" else "a.png")), name).convert("RGB")
    assert near(small.getpixel((10, 10)), (40, 40, 40)) and near(small.getpixel((90, 10)), WHITE)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("name", ["t.png", "t.webp", "t.tif"])
def test_alpha_is_kept_where_it_can_be(make: Make, tmp_path: Path, mode: str, name: str) -> None:
    small = make(pictures.saved(transparent(mode), tmp_path / "a.png"), name).convert("RGBA")
    assert small.getpixel((10, 10)) == pytest.approx((40, 40, 40, 255), abs=4)
    assert small.getpixel((90, 10))[3] == 0


@pytest.mark.parametrize(("mode", "key"), [("RGB", (255, 0, 0)), ("L", 76), ("1", 1)])
def test_a_transparent_colour(make: Make, tmp_path: Path, mode: str, key: Any) -> None:
    path = pictures.saved(
        pictures.corners().convert(mode, dither=Image.Dither.NONE), tmp_path / "a.png", transparency=key
    )
    small = make(path, "t.png").convert("RGBA")
    transparent_corner = (95, 45) if mode == "1" else (5, 5)
    assert small.getpixel(transparent_corner)[3] == 0 and small.getpixel((5, 45))[3] == 255


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_scaled_not_clipped(make: Make, tmp_path: Path, name: str) -> None:
    row = b"".join(value.to_bytes(2, "little") * 100 for value in (0, 32768, 65535))
    image = Image.frombytes("I;16", (300, 100), row * 100)
    small = make(pictures.saved(image, tmp_path / name), "t.png")
    assert small.mode == "L"
    assert [small.getpixel((x, 15)) for x in (15, 50, 85)] == pytest.approx([0, 127.5, 255], abs=1)


@pytest.mark.parametrize(
    ("mode", "values"), [("I", (-100000, 0, 100000)), ("F", (0.0, 0.5, 1.0)), ("F", (-4.0, 0.0, 4.0))]
)
def test_wide_numbers_are_scaled(make: Make, tmp_path: Path, mode: str, values: tuple[float, ...]) -> None:
    image = Image.new(mode, (300, 100), 0)
    for step, value in enumerate(values):
        image.paste(value, (step * 100, 0, step * 100 + 100, 100))  # type: ignore[arg-type]
    small = make(pictures.saved(image, tmp_path / "a.tif"), "t.png")
    assert [small.getpixel((x, 15)) for x in (15, 50, 85)] == pytest.approx([0, 127.5, 255], abs=1)


def test_one_bit_becomes_grey(make: Make, tmp_path: Path) -> None:
    image = Image.effect_noise((800, 800), 200).convert("1")
    small = make(pictures.saved(image, tmp_path / "a.png"), "t.png")
    assert small.mode == "L" and 90 < ImageStat.Stat(small).mean[0] < 165
    assert len(small.getcolors() or []) > 20  # averaged, not picked


def test_ycbcr_tiff(make: Make, tmp_path: Path) -> None:
    path = pictures.saved(pictures.corners().convert("YCbCr"), tmp_path / "a.tif")
    assert near(make(path).getpixel((10, 10)), RED)


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize("size", [(200, 100), (50, 25)])
@pytest.mark.parametrize("output", ["t.jpg", "t.png", "t.webp", "t.gif"])
def test_of_an_animation_the_first_frame(
    make: Make, tmp_path: Path, name: str, size: tuple[int, int], output: str
) -> None:
    frames = [Image.new("RGB", size, colour) for colour in (RED, GREEN, BLUE)]
    path = pictures.saved(frames[0], tmp_path / name, save_all=True, append_images=frames[1:])
    assert getattr(Image.open(path), "n_frames", 1) == 3
    small = make(path, output)
    assert getattr(small, "n_frames", 1) == 1
    assert near(small.convert("RGB").getpixel((5, 5)), RED)


def test_mpo(make: Make, tmp_path: Path) -> None:
    path = pictures.saved(
        pictures.corners(), tmp_path / "a.mpo", format="MPO", save_all=True, append_images=[pictures.photo()]
    )
    assert near(make(path).getpixel((10, 10)), RED)


def test_a_name_that_says_another_format_than_the_file(make: Make, tmp_path: Path) -> None:
    path = pictures.saved(pictures.corners(), tmp_path / "a.jpg", format="PNG")
    assert near(make(path).getpixel((10, 10)), RED)


# Files that are no good


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.gif", "a.webp", "a.tif", "a.bmp", "a.jp2", "a.ppm"])
@pytest.mark.parametrize("part", [0.5, 0.9, 0.99])
def test_a_file_cut_short_fails_and_leaves_nothing(tmp_path: Path, name: str, part: float) -> None:
    path = pictures.cut(pictures.saved(pictures.photo(), tmp_path / name), part)
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "t.jpg"
    with pytest.raises((errors.DamagedImage, errors.NotAnImage), match=name):
        make_thumbnail(ThumbSettings(), thumb(path, target))
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.999])
def test_a_progressive_file_cut_short_fails(tmp_path: Path, part: float) -> None:
    path = pictures.cut(pictures.saved(pictures.photo((2400, 1800)), tmp_path / "a.jpg", progressive=True), part)
    with pytest.raises(errors.DamagedImage, match="a.jpg"):
        make_thumbnail(ThumbSettings(), thumb(path, tmp_path / "t.jpg"))


@pytest.mark.parametrize("progressive", [False, True])
def test_a_file_whose_end_is_zeros_fails(tmp_path: Path, progressive: bool) -> None:
    preview = pictures.encoded(pictures.photo((160, 120)))
    exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + preview  # its end marker is not the picture's
    path = pictures.saved(pictures.photo((1600, 1200)), tmp_path / "a.jpg", progressive=progressive, exif=exif)
    size = path.stat().st_size
    os.truncate(pictures.cut(path), size)  # as a download that was given its space and broke off
    with pytest.raises(errors.DamagedImage, match="a.jpg.*zero bytes"):
        make_thumbnail(ThumbSettings(), thumb(path, tmp_path / "t.jpg"))


@pytest.mark.parametrize("progressive", [False, True])
def test_zeros_behind_the_end_do_no_harm(make: Make, tmp_path: Path, progressive: bool) -> None:
    path = pictures.saved(pictures.corners(), tmp_path / "a.jpg", progressive=progressive)
    os.truncate(path, path.stat().st_size + 5000)
    assert near(make(path).getpixel((10, 10)), RED)


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\xff\xd8\xff", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"II*\0", b"BM", b"P6"]
)
def test_a_file_that_pretends_fails(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    with pytest.raises((errors.NotAnImage, errors.DamagedImage), match="a.jpg"):
        make_thumbnail(ThumbSettings(), thumb(path, tmp_path / "t.jpg"))


def test_postscript_is_not_run(tmp_path: Path) -> None:
    path = pictures.saved(pictures.photo(), tmp_path / "a.jpg", format="EPS")
    with pytest.raises(errors.NotAnImage, match="a.jpg.* is EPS"):
        make_thumbnail(ThumbSettings(), thumb(path, tmp_path / "t.jpg"))


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(errors.NotAnImage, match="is an empty file"):
        make_thumbnail(ThumbSettings(), thumb(tmp_path / "a.jpg", tmp_path / "t.jpg"))


def test_a_bomb_is_refused_before_decoding(tmp_path: Path) -> None:
    path = pictures.bomb(tmp_path / "a.png")
    with pytest.raises(errors.ImageTooLarge, match="400,000,000 pixels, more than the 178,956,970 allowed"):
        make_thumbnail(ThumbSettings(), thumb(path, tmp_path / "t.jpg"))


@pytest.mark.parametrize(("limit", "fails"), [(19999, True), (20000, False), (30000, False), (100, True)])
def test_the_limit_is_exact_and_nothing_is_said_below_it(
    tmp_path: Path, limit: int, fails: bool, recwarn: pytest.WarningsRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 89478485)  # as in a fresh process
    path = pictures.saved(pictures.corners((200, 100)), tmp_path / "a.png")
    arguments = ThumbSettings(max_pixels=limit), thumb(path, tmp_path / "t.jpg")
    if fails:
        with pytest.raises(errors.ImageTooLarge, match="20,000 pixels"):
            make_thumbnail(*arguments)
    else:
        make_thumbnail(*arguments)
    assert not recwarn.list


def test_a_missing_input(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="a.jpg"):
        make_thumbnail(ThumbSettings(), thumb(tmp_path / "a.jpg", tmp_path / "t.jpg"))


# Writing


def test_an_output_is_replaced_in_one_step(make: Make, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "t.jpg").write_bytes(b"old")
    make(pictures.saved(pictures.corners(), tmp_path / "a.png"))


def test_a_failing_writer_leaves_the_old_output(tmp_path: Path) -> None:
    (tmp_path / "t.jpg").write_bytes(b"old")
    with pytest.raises(OSError, match="cannot write mode"):
        writing.write_image(Image.new("RGBA", (9, 9)), str(tmp_path / "t.jpg"), "JPEG", "run", {})
    with pytest.raises(errors.ImageNotWritable, match="t.jpg"):
        writing.write_image(Image.new("RGB", (9, 9)), str(tmp_path / "t.jpg"), "NONE", "run", {})
    assert os.listdir(tmp_path) == ["t.jpg"] and (tmp_path / "t.jpg").read_bytes() == b"old"


def test_a_long_name(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 251 + ".jpg")
    writing.write_image(Image.new("RGB", (9, 9)), str(target), "JPEG", "run", {})
    assert target.exists()


def test_what_killed_workers_left_is_removed(tmp_path: Path) -> None:
    for name in (".procession-run1-1.tmp", ".procession-run2-1.tmp", "a.tmp"):
        (tmp_path / name).touch()
    writing.remove_left([str(tmp_path), str(tmp_path / "none")], "run1")
    assert sorted(os.listdir(tmp_path)) == [".procession-run2-1.tmp", "a.tmp"]


@pytest.mark.parametrize(
    "settings",
    [
        {"sizes": ((0, 5),)},
        {"sizes": ((5, 16384),)},
        {"sizes": ()},
        {"sizes": ((5, 5), (5, 5))},
        {"quality": 0},
        {"quality": 101},
        {"max_pixels": 0},
    ],
)
def test_settings_are_checked(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings)).rstrip("s")):
        ThumbSettings(**settings)


def test_quality(make: Make, tmp_path: Path) -> None:
    path = pictures.saved(pictures.photo(), tmp_path / "a.png")
    sizes = []
    for quality in (20, None, 98):
        make(path, quality=quality)
        sizes.append((tmp_path / "out" / "t.jpg").stat().st_size)
    assert sizes == sorted(set(sizes))
