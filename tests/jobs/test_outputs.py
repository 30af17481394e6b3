"""Which outputs are still to be made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from procession.jobs.errors import PlanRefused
from procession.jobs.naming import Thumb
from procession.jobs.outputs import Overwrite, make_folders, to_make


@pytest.fixture
def thumbs(tmp_path: Path) -> list[Thumb]:
    """Three inputs: the output of one is newer, of one is older, of one is missing."""
    (tmp_path / "out").mkdir()
    made = []
    for name, output_time in (("new", 200), ("old", 50), ("none", None)):
        source, target = tmp_path / f"{name}.png", tmp_path / "out" / f"{name}.jpg"
        source.touch()
        os.utime(source, (100, 100))
        if output_time is not None:
            target.touch()
            os.utime(target, (output_time, output_time))
        made.append(Thumb(str(source), str(target), "JPEG"))
    return made


@pytest.mark.parametrize(
    ("overwrite", "names"),
    [("older", ["old", "none"]), ("never", ["none"]), ("always", ["new", "old", "none"])],
)
def test_overwrite(thumbs: list[Thumb], overwrite: Overwrite, names: list[str]) -> None:
    assert [Path(thumb.source).stem for thumb in to_make(thumbs, overwrite)] == names


def test_an_input_that_is_gone_gets_its_turn(thumbs: list[Thumb]) -> None:
    os.unlink(thumbs[0].source)
    assert thumbs[0] in to_make(thumbs, "older")


def test_folders_are_made(tmp_path: Path) -> None:
    out = tmp_path / "a" / "out"
    folders = make_folders([Thumb("x", str(out / "y" / "x.jpg"), "JPEG")], str(out))
    assert folders == {str(out / "y")} and (out / "y").is_dir()


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(PlanRefused, match="cannot be made"):
        make_folders([Thumb("x", str(tmp_path / "out" / "x.jpg"), "JPEG")], str(tmp_path / "out"))
