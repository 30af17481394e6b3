"""`procession thumbs` again: after changes, after it was killed, and what it removes, shows and only says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

pytest.importorskip("PIL")

from PIL import Image

from procession.jobs.records import FILE
from tests.cli.conftest import COMMAND, Run
from tests.helpers import scripts, wait
from tests.jobs import pictures

MANY = 120


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.png", "below/c.jpg"):
        pictures.saved(pictures.photo(), tmp_path / "photos" / name)
    return tmp_path / "photos"


@pytest.fixture
def summary(run: Run) -> Callable[..., dict[str, object]]:
    """`summary(*arguments)` runs the command and gives what its JSON says."""

    def summary(*arguments: object) -> dict[str, object]:
        finished = run("thumbs", *arguments, "--json")
        assert finished.stderr == ""
        found: dict[str, object] = json.loads(finished.stdout)
        return found

    return summary


Summary = Callable[..., dict[str, object]]


def names(folder: Path) -> list[str]:
    """All files but the records."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(FILE))
    return sorted(str(path.relative_to(folder)) for path in files)


def test_several_sizes(summary: Summary, photos: Path, tmp_path: Path) -> None:
    assert summary(photos, "-o", "out", "-r", "--sizes", "32,64x48", "--format", "webp")["done"] == 3
    expected = [f"{stem}-{size}.webp" for stem in ("a", "b", "below/c") for size in ("32", "64x48")]
    assert names(tmp_path / "out") == expected
    assert Image.open(tmp_path / "out" / "a-32.webp").size == (32, 24)
    assert Image.open(tmp_path / "out" / "a-64x48.webp").size == (64, 48)


def test_one_more_size_makes_that_one(summary: Summary, photos: Path, tmp_path: Path) -> None:
    summary(photos, "-o", "out", "--sizes", "32,64")
    before = os.stat(tmp_path / "out" / "a-32.jpg").st_mtime_ns
    assert summary(photos, "-o", "out", "--sizes", "32,64,96")["done"] == 2
    assert os.stat(tmp_path / "out" / "a-32.jpg").st_mtime_ns == before
    assert "a-96.jpg" in names(tmp_path / "out")


@pytest.mark.parametrize("format", ["webp", "avif", "jpg", "png"])
@pytest.mark.parametrize("engine", ["pillow", "vips"])
def test_formats_and_engines(summary: Summary, photos: Path, tmp_path: Path, format: str, engine: str) -> None:
    if engine == "vips":
        pytest.importorskip("pyvips")
    assert summary(photos, "-o", "out", "--format", format, "--engine", engine)["done"] == 2
    assert Image.open(tmp_path / "out" / f"a.{format}").format == {"jpg": "JPEG"}.get(format, format.upper())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--engine", "vips"), "--engine vips needs pyvips, which is not installed: pip install 'procession[vips]'"),
        (("--format", "avif"), "--format avif: this Pillow was built without it"),
    ],
)
def test_what_is_missing_is_said_before_work(
    refused: Callable[..., str], photos: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], text: str
) -> None:
    from procession.cli import thumbs

    monkeypatch.setattr(thumbs, "find_spec", lambda name: None if name in ("pyvips", "PIL._avif") else object())
    assert text in refused("thumbs", "photos", "-o", "out", *options)
    assert not (photos.parent / "out").exists()


def test_other_settings_make_all_anew(summary: Summary, photos: Path, tmp_path: Path) -> None:
    summary(photos, "-o", "out")
    assert summary(photos, "-o", "out")["skipped"] == 2
    assert summary(photos, "-o", "out", "-s", "40")["done"] == 2
    assert Image.open(tmp_path / "out" / "a.jpg").size == (40, 30)
    assert summary(photos, "-o", "out", "-s", "40", "--fast")["done"] == 2


def test_checksum(summary: Summary, photos: Path) -> None:
    summary(photos, "-o", "out", "--checksum")
    os.utime(photos / "a.jpg")
    assert summary(photos, "-o", "out", "--checksum")["done"] == 0
    assert summary(photos, "-o", "out")["done"] == 1


def test_prune_says_how_many(run: Run, summary: Summary, photos: Path, tmp_path: Path) -> None:
    summary(photos, "-o", "out", "-r", "--sizes", "20,30")
    (tmp_path / "out" / "mine.jpg").touch()
    (photos / "below" / "c.jpg").unlink()
    said = run("thumbs", photos, "-o", "out", "-r", "--sizes", "20,30", "--prune", "--dry-run")
    assert [line for line in said.stdout.splitlines() if line.startswith("remove")] == [
        f"remove {os.path.join('out', 'below', f'c-{side}.jpg')}" for side in (20, 30)
    ]
    assert "2 would be removed" in said.stderr and "below/c-20.jpg" in names(tmp_path / "out")
    done = run("thumbs", photos, "-o", "out", "-r", "--sizes", "20,30", "--prune")
    assert "procession thumbs: 2 removed" in done.stderr
    assert names(tmp_path / "out") == ["a-20.jpg", "a-30.jpg", "b-20.jpg", "b-30.jpg", "mine.jpg"]
    assert summary(photos, "-o", "out", "-r", "--sizes", "20,30", "--prune")["pruned"] == 0


def test_a_dry_run_names_what_would_be_made(run: Run, photos: Path, tmp_path: Path) -> None:
    said = run("thumbs", photos, "-o", "out", "--sizes", "20,30", "--dry-run")
    assert said.returncode == 0 and f"{photos}/a.jpg -> out/a-20.jpg, out/a-30.jpg" in said.stdout.splitlines()
    assert not (tmp_path / "out").exists()


def test_a_gallery_with_an_error_in_place(run: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "<b>.jpg").write_text("no picture")
    finished = run("thumbs", photos, "-o", "out", "--gallery")
    page = (tmp_path / "out" / "index.html").read_text()
    assert finished.returncode == 1 and page.count("<figure") == 3 and page.count('class="failed"') == 1
    assert "&lt;b&gt;.jpg&#x27;: is not an image" in page and "<b>" not in page
    (photos / "<b>.jpg").unlink()
    assert run("thumbs", photos, "-o", "out", "--gallery").returncode == 0
    assert (tmp_path / "out" / "index.html").read_text().count("<figure") == 2


def test_a_strange_page_is_not_overwritten(refused: Callable[..., str], photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "index.html").write_text("mine")
    assert "was not written by --gallery" in refused("thumbs", "photos", "-o", "out", "--gallery")
    assert os.listdir(tmp_path / "out") == ["index.html"]


def test_a_run_is_reported_and_what_failed_is_tried_again(run: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "bad.jpg").write_text("no picture")
    assert run("thumbs", photos, "-o", "out").returncode == 1
    report = json.loads(run("report", "--json").stdout)
    assert (report["done"], report["failed"]) == (2, 1)
    pictures.saved(pictures.photo(), photos / "bad.jpg")
    assert run("retry").returncode == 0
    assert names(tmp_path / "out") == ["a.jpg", "b.jpg", "bad.jpg"]


def test_resume_makes_again_what_was_removed_meanwhile(run: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "bad.jpg").write_text("no picture")
    run("thumbs", photos, "-o", "out")
    (tmp_path / "out" / "a.jpg").unlink()
    run("resume")
    assert names(tmp_path / "out") == ["a.jpg", "b.jpg"]


@pytest.mark.limit(120)
@pytest.mark.parametrize("again", ["command", "resume"])
def test_killed_at_half_the_second_run_makes_the_other_half(
    run: Run, summary: Summary, tmp_path: Path, again: str
) -> None:
    large = pictures.saved(pictures.photo((2000, 1500)), tmp_path / "large.jpg")
    (tmp_path / "many").mkdir()
    for number in range(MANY):
        (tmp_path / "many" / f"{number:03}.jpg").symlink_to(large)
    out = tmp_path / "out"
    command = [*COMMAND, "thumbs", str(tmp_path / "many"), "-o", "out"]
    with subprocess.Popen(command, cwd=tmp_path, env=scripts.environment(), stderr=subprocess.DEVNULL) as process:
        wait.wait_until(lambda: out.is_dir() and len(names(out)) >= MANY // 2, 60)
        everything = psutil.Process(process.pid)
        for each in [everything, *everything.children(recursive=True)]:
            each.send_signal(signal.SIGKILL)
        process.wait(30)
    wait.wait_until(lambda: not psutil.pid_exists(process.pid), 10)
    for left in out.glob(".procession-*.tmp"):
        left.unlink()  # SIGKILL leaves one now and then, as the page says
    before = {name: (out / name).stat().st_ino for name in names(out)}
    assert MANY // 2 <= len(before) < MANY
    if again == "resume":
        run("resume")
    else:
        made = summary(tmp_path / "many", "-o", "out")["done"]
        assert isinstance(made, int) and MANY - len(before) <= made <= MANY - len(before) + MANY // 6
    after = {name: (out / name).stat().st_ino for name in names(out)}
    assert len(after) == MANY
    assert sum(after[name] != inode for name, inode in before.items()) <= MANY // 6  # the few that ended unseen
    assert summary(tmp_path / "many", "-o", "out")["done"] == 0


def test_fit_and_fill(summary: Summary, photos: Path, tmp_path: Path) -> None:
    for option, size in (("--fit", (40, 30)), ("--fill", (40, 40))):
        summary(photos, "-o", "out", "-s", "40", option)
        assert Image.open(tmp_path / "out" / "a.jpg").size == size


def test_srgb_and_max_pixels_reach_the_pictures(summary: Summary, tmp_path: Path) -> None:
    path = pictures.saved(pictures.corners(), tmp_path / "a.png", icc_profile=pictures.swapped_profile())
    summary(path, "-o", "out", "--format", "png")
    assert "icc_profile" in Image.open(tmp_path / "out" / "a.png").info
    summary(path, "-o", "out", "--format", "png", "--srgb")
    assert "icc_profile" not in Image.open(tmp_path / "out" / "a.png").info
    errors = summary(path, "-o", "other", "--max-pixels", "1000")["errors"]
    assert isinstance(errors, dict) and list(errors) == ["ImageTooLarge"]


def test_an_unwritable_disk_is_found_before_work(refused: Callable[..., str], photos: Path) -> None:
    said = refused("thumbs", "photos", "-o", "/proc/thumbs")
    assert "'/proc/thumbs': cannot be made" in said and len(said.splitlines()) == 2


def test_a_typed_size_goes_before_sizes_of_the_file(run: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.procession.thumbs]\nsizes = "32,64"\n')
    assert run("thumbs", photos, "-o", "out", "--size", "16").returncode == 0
    assert names(tmp_path / "out") == ["a.jpg", "b.jpg"]
