"""`procession thumbs`, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("PIL")

from PIL import Image

from procession.jobs.records import FILE
from tests.cli.conftest import COMMAND, Run
from tests.helpers import scripts, terminals, wait
from tests.jobs import pictures

SLOW = 300  # links to one large photograph: some seconds of work


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of five good pictures (one with a blank in its name, one in a folder below) and three bad ones."""
    folder = tmp_path / "photos"
    for name in ("a.jpg", "b b.PNG", "c.webp", "d.gif", "below/e.jpg"):
        pictures.saved(pictures.photo(), folder / name)
    pictures.cut(pictures.saved(pictures.photo(), folder / "cut.jpg"))
    (folder / "text.png").write_text("no picture")
    pictures.bomb(folder / "bomb.png")
    (folder / "notes.txt").write_text("left alone")
    return folder


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder with enough work to be interrupted."""
    large = pictures.saved(pictures.photo((5000, 3500)), tmp_path / "large.jpg", quality=95)
    (tmp_path / "many").mkdir()
    for number in range(SLOW):
        (tmp_path / "many" / f"{number:03}.jpg").symlink_to(large)
    return tmp_path / "many"


def names(folder: Path) -> list[str]:
    """All files but the records."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(FILE))
    return sorted(str(path.relative_to(folder)) for path in files)


def test_a_folder_becomes_a_folder_of_thumbnails(run: Run, photos: Path, tmp_path: Path) -> None:
    finished = run("thumbs", photos, "-o", "out")
    assert names(tmp_path / "out") == ["a.jpg", "b b.jpg", "c.jpg", "d.jpg"]
    assert all(Image.open(tmp_path / "out" / name).size == (256, 192) for name in names(tmp_path / "out"))
    assert finished.returncode == 1 and finished.stdout == ""
    lines = finished.stderr.splitlines()
    assert lines[0] == "3 items failed:"
    assert {line.split()[0] for line in lines if line.endswith("(1)")} == {
        "DamagedImage",
        "NotAnImage",
        "ImageTooLarge",
    }
    for name in ("cut.jpg", "text.png", "bomb.png"):
        assert sum(name in line for line in lines) == 1
    assert lines[-2].startswith("procession thumbs: 4 made, 3 failed in ") and "procession report" in lines[-1]


def test_everything_right_is_exit_code_0(run: Run, photos: Path, tmp_path: Path) -> None:
    finished = run(
        "thumbs", photos / "a.jpg", photos / "*b.PNG", "-o", "out", "-s", "80x60", "--fill", "--format", "webp"
    )
    assert (finished.returncode, len(finished.stderr.splitlines())) == (0, 1)
    assert names(tmp_path / "out") == ["a.webp", "b b.webp"]
    assert Image.open(tmp_path / "out" / "a.webp").size == (80, 60)


def test_the_same_command_again_does_what_is_left(run: Run, photos: Path, tmp_path: Path) -> None:
    command = ("thumbs", photos, "-o", "out")
    run(*command)
    assert "procession thumbs: 0 made, 4 up to date, 3 failed" in run(*command).stderr
    newer = os.stat(tmp_path / "out" / "a.jpg").st_mtime + 1000
    os.utime(photos / "a.jpg", (newer, newer))
    assert "1 made, 3 up to date, 3 failed" in run(*command).stderr
    assert "0 made, 4 up to date, 3 failed" in run(*command).stderr
    assert "0 made, 4 up to date" in run(*command, "--overwrite", "never").stderr
    assert "4 made, 3 failed" in run(*command, "--overwrite", "always").stderr


def test_nothing_left_to_do(run: Run, photos: Path) -> None:
    command = ("thumbs", photos / "a.jpg", "-o", "out")
    run(*command)
    finished = run(*command, "--json")
    assert finished.returncode == 0 and finished.stderr == ""
    assert json.loads(finished.stdout)["skipped"] == 1


def test_recursive_keeps_the_tree_and_never_reads_the_output(run: Run, photos: Path) -> None:
    for _ in range(2):
        run("thumbs", photos, "-o", photos / "out", "-r", "--format", "same")
        assert names(photos / "out") == ["a.jpg", "b b.PNG", "below/e.jpg", "c.webp", "d.gif"]


def test_json_summary(run: Run, photos: Path) -> None:
    finished = run("thumbs", photos, "-o", "out", "--json")
    summary = json.loads(finished.stdout)
    assert (summary["total"], summary["done"], summary["failed"], summary["exit_code"]) == (7, 4, 3, 1)
    failure = summary["errors"]["DamagedImage"]["items"][0]
    assert failure["item"] == repr(str(photos / "cut.jpg")) and "cut short" in failure["message"]
    assert finished.stderr == ""


def test_quiet_still_reports_errors(run: Run, photos: Path) -> None:
    assert run("thumbs", photos / "a.jpg", "-o", "out", "-q").stderr == ""
    finished = run("thumbs", photos / "text.png", "-o", "out", "-q")
    assert finished.returncode == 1 and finished.stderr.startswith("1 item failed:\n  NotAnImage (1)\n")


def test_fail_fast_stops(run: Run, photos: Path) -> None:
    finished = run(
        "thumbs", photos / "text.png", *[photos / "a.jpg"], photos, "-o", "out", "--fail-fast", "-j", "1", "--json"
    )
    summary = json.loads(finished.stdout)
    assert finished.returncode == 1 and summary["failed"] == 1 and summary["done"] < 4


def test_a_name_pattern(run: Run, photos: Path, tmp_path: Path) -> None:
    run(
        "thumbs", photos / "a.jpg", photos / "d.gif", "-o", "out", "--name", "{parent}/{index:02}-{stem}-{suffix}.{ext}"
    )
    assert names(tmp_path / "out") == ["photos/01-a-jpg.jpg", "photos/02-d-gif.jpg"]


def test_pillow_and_rich_are_not_loaded_here(photos: Path, run_script: Callable[..., scripts.Finished]) -> None:
    script = """
        import atexit, sys
        from procession.cli.main import main
        atexit.register(lambda: print(*sorted({name.partition(".")[0] for name in sys.modules})))
        main()
    """
    finished = run_script(script, arguments=("thumbs", str(photos / "a.jpg"), "-o", "out"))
    assert finished.returncode == 0
    assert "procession" in finished.stdout.split()
    assert not {"PIL", "rich", "numpy", "asyncio", "cloudpickle"} & set(finished.stdout.split())


# Refused before any work


def test_a_clash_is_refused_with_both_names_and_the_way_out(run: Run, photos: Path, tmp_path: Path) -> None:
    pictures.saved(pictures.photo(), photos / "a.png")
    finished = run("thumbs", photos, "-o", "out")
    assert finished.returncode == 2 and not (tmp_path / "out").exists()
    assert len(finished.stderr.splitlines()) == 1
    assert repr(str(photos / "a.jpg")) in finished.stderr and repr(str(photos / "a.png")) in finished.stderr
    assert "--name '{stem}-{suffix}.{ext}'" in finished.stderr
    assert run("thumbs", photos, "-o", "out", "--name", "{stem}-{suffix}.{ext}").returncode == 1
    assert {"a-jpg.jpg", "a-png.jpg"} <= set(names(tmp_path / "out"))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("photos/a.jpg",), "Missing option '-o'"),
        (("-o", "out"), "Missing argument 'INPUTS...'"),
        (("none", "photos", "-o", "out"), "'none': no such file or folder"),
        (("photos/*.tif", "photos", "-o", "out"), "'photos/*.tif': no file matches"),
        (("photos/a.jpg", "-o", "photos"), "'photos/a.jpg': would be replaced by the thumbnail of 'photos/a.jpg'"),
        (("photos", "-o", "photos"), "is the output folder too"),
        (("photos", "-o", "photos/notes.txt"), "cannot be made"),
        (("photos", "-o", "out", "-s", "0"), "each side must be from 1 to 16383"),
        (("photos", "-o", "out", "-s", "100x"), "'100x' is not a size such as 256 or 640x480"),
        (("photos", "-o", "out", "-s", "-5"), "-5"),
        (("photos", "-o", "out", "--size", "99999"), "each side"),
        (("photos", "-o", "out", "-Q", "0"), "0 is not in the range"),
        (("photos", "-o", "out", "-Q", "80", "--format", "png"), "png loses nothing"),
        (("photos", "-o", "out", "--format", "bmp"), "'bmp' is not one of"),
        (("photos", "-o", "out", "--name", "{side}"), "no field {side}"),
        (("photos", "-o", "out", "--sizes", "9,8", "--name", "{stem}.{ext}"), "needs {size}"),
        (("photos", "-o", "out", "--sizes", "9,"), "'' is not a size"),
        (("photos", "-o", "out", "--sizes", "9,9"), "each once"),
        (("photos", "-o", "out", "--sizes", "9", "-s", "8"), "take one of them"),
        (("photos", "-o", "out", "--engine", "gd"), "'gd' is not one of"),
        (("photos/a.jpg", "-o", "out", "--gallery", "--name", "index.html"), "is taken"),
        (("photos", "-o", "out", "-j", "0"), "'0' is not a number of workers"),
        (("-q", "80", "photos", "-o", "out"), "if you meant the quality, write -Q 80"),
        (("photos", "-o", "out", "--no-such"), "No such option"),
    ],
)
def test_wrong_usage(refused: Callable[..., str], photos: Path, arguments: tuple[str, ...], text: str) -> None:
    assert text in refused("thumbs", *arguments)
    assert not (photos.parent / "out").exists()


def test_a_wrong_number_of_workers(refused: Callable[..., str], photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCESSION_WORKERS", "many")
    assert "PROCESSION_WORKERS" in refused("thumbs", "photos", "-o", "out")


def test_without_pillow_one_line_names_the_extra(
    refused: Callable[..., str], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from procession.cli import thumbs

    monkeypatch.setattr(thumbs, "find_spec", lambda name: None)
    said = refused("thumbs", "photos", "-o", "out")
    assert said == "procession: thumbs needs Pillow, which is not installed: pip install 'procession[images]'\n"


# Ended from outside


def made(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.endswith(".jpg")] if folder.is_dir() else []


@pytest.mark.limit(60)
def test_ctrl_c_in_a_terminal(many: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out"
    with terminals.pty_session([*COMMAND, "thumbs", str(many), "-o", "out"], tmp_path) as terminal:
        wait.wait_until(lambda: len(made(out)) > 3, 30)
        terminal.press(terminals.CTRL_C)
        assert terminal.wait(10) == 130, terminal.screen
    count = len(made(out))
    assert 3 < count < SLOW
    assert "interrupted" in terminal.screen and "Traceback" not in terminal.screen
    assert names(out) == sorted(made(out))  # no temporary file is left
    for name in made(out):
        Image.open(out / name).load()


@pytest.mark.limit(60)
def test_sigterm(many: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [*COMMAND, "thumbs", str(many), "-o", "out"]
    with subprocess.Popen(command, cwd=tmp_path, env=scripts.environment(), stderr=subprocess.PIPE) as process:
        wait.wait_until(lambda: len(made(out)) > 3, 30)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 143
    assert b"interrupted" in errors and b"Traceback" not in errors
    assert names(out) == sorted(made(out))


@pytest.mark.limit(60)
def test_a_bar_on_a_terminal(photos: Path, tmp_path: Path) -> None:
    with terminals.pty_session([*COMMAND, "thumbs", str(photos), "-o", "out"], tmp_path) as terminal:
        assert terminal.wait(30) == 1
    assert " of 7" in terminal.screen and "4 made, 3 failed" in terminal.screen
