"""Which thumbnails are to be made, what is known of those that are there, and which are removed."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from procession.jobs.errors import PlanRefused, RecordsUnusable
from procession.jobs.naming import Made, Names
from procession.jobs.plan import Asked, Plan
from procession.jobs.records import FILE, Records
from procession.jobs.settings import ThumbSettings

Again = Callable[..., list[str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c"):
        path = tmp_path / "in" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    return tmp_path


def asked(*inputs: str, sizes: tuple[tuple[int, int], ...] = ((256, 256),), **more: Any) -> Asked:
    fields = {name: more.pop(name) for name in tuple(more) if name in Asked._fields}
    settings = ThumbSettings(sizes=sizes, **{name: more[name] for name in more if name != "format"})
    names = Names(None, more.get("format", "jpg"), sizes)
    return Asked(inputs or ("in",), "out", names, settings, **fields)


def make(plan: Plan, least: int | None = None) -> list[str]:
    """Make what is to be made, as a worker would; give the names of the inputs."""
    made = []
    for thumb in plan.items():
        if len(made) == least:
            break
        made.append(Path(thumb.source).stem)
        result = []
        for target in thumb.targets:
            Path(target.path).write_bytes(b"x" * 10)
            status = os.stat(target.path)
            result.append(Made(target.place, 10, 20, status.st_size, status.st_mtime_ns))
        plan.made(thumb, result)
    return made


@pytest.fixture
def again(folder: Path) -> Iterator[Again]:
    """`again(**asked)` makes what is to be made now, and gives the names of the inputs."""

    def again(*inputs: str, least: int | None = None, **more: Any) -> list[str]:
        with closing(Plan(asked(*inputs, **more))) as plan:
            assert plan.todo + plan.fresh == len(os.listdir(folder / "in")) or inputs
            return make(plan, least)

    yield again


def touch(path: Path, seconds: int) -> None:
    status = path.stat()
    os.utime(path, (status.st_atime, status.st_mtime + seconds))


def test_only_what_is_new_or_changed(again: Again, folder: Path) -> None:
    assert again() == ["a", "b", "c"]
    assert again() == []
    (folder / "in" / "d.png").write_text("d")
    (folder / "in" / "b.png").write_text("another")
    touch(folder / "in" / "c.png", -500)  # another file, though an older one
    assert again() == ["b", "c", "d"]
    assert again() == []
    os.unlink(folder / "out" / "a.jpg")
    assert again() == ["a"]


@pytest.mark.parametrize(
    "settings",
    [{"sizes": ((9, 9),)}, {"fill": True}, {"quality": 9}, {"srgb": True}, {"fast": True}, {"engine": "vips"}],
    ids=str,
)
def test_other_settings_make_all_anew(again: Again, settings: dict[str, Any]) -> None:
    again()
    assert again(**settings) == ["a", "b", "c"]
    assert again(**settings) == []
    assert again() == ["a", "b", "c"]


@pytest.mark.parametrize("settings", [{"quality": 85}, {"max_pixels": 5}, {"run": "x"}], ids=str)
def test_settings_that_change_no_pixel_make_nothing_anew(again: Again, settings: dict[str, Any]) -> None:
    again()
    assert again(**settings) == []


def test_of_several_sizes_the_missing_one(again: Again, folder: Path) -> None:
    sizes = ((10, 10), (20, 20))
    again(sizes=sizes)
    os.unlink(folder / "out" / "b-20.jpg")
    with closing(Plan(asked(sizes=sizes))) as plan:
        (thumb,) = plan.items()
        assert [target.path for target in thumb.targets] == [os.path.join("out", "b-20.jpg")]
        assert (plan.todo, plan.fresh) == (1, 2)


def test_overwrite(again: Again, folder: Path) -> None:
    again()
    touch(folder / "in" / "a.png", 500)
    os.unlink(folder / "out" / "b.jpg")
    assert again(overwrite="never") == ["b"]
    assert again(overwrite="always") == ["a", "b", "c"]
    assert again() == []


def test_without_records_times_decide(again: Again, folder: Path) -> None:
    again()
    os.unlink(folder / "out" / FILE)
    touch(folder / "in" / "a.png", 500)
    (folder / "out" / "b.jpg").write_bytes(b"")  # what a power cut leaves
    assert again(quality=3) == ["a", "b"]


def test_what_was_begun_and_not_noted_is_made_again(again: Again, folder: Path) -> None:
    with closing(Plan(asked())) as plan:
        assert make(plan, least=1) == ["a"]
        thumb = list(plan.items())[0]
        Path(thumb.targets[0].path).write_bytes(b"renamed, and then everything was killed")
    assert again() == ["b", "c"]


def test_another_input_under_the_same_name(again: Again, folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "a.png").write_text("a")
    again("in/a.png")
    os.utime(folder / "other" / "a.png", ns=(0, (folder / "in" / "a.png").stat().st_mtime_ns))
    assert again("other/a.png") == ["a"]


def test_checksum(again: Again, folder: Path) -> None:
    again(checksum=True)
    touch(folder / "in" / "a.png", 500)
    assert again(checksum=True) == []
    status = (folder / "in" / "b.png").stat()
    (folder / "in" / "b.png").write_text("B")
    os.utime(folder / "in" / "b.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert again(checksum=True) == ["b"]
    assert again() == ["a"]


def test_an_input_that_is_gone_gets_its_turn(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "in" / "b.png").unlink()
    (folder / "in" / "b.png").symlink_to("loop.png")
    with closing(Plan(asked("in"))) as plan:
        assert plan.todo == 2  # a link that leads nowhere is no file
    with closing(Plan(asked("in/a.png"))) as plan:
        (folder / "in" / "a.png").unlink()
        assert [thumb.source for thumb in plan.items()] == ["in/a.png"]


def test_a_key_tells_inputs_and_settings_apart(folder: Path) -> None:
    keys = []
    for more in ({}, {}, {"quality": 9}, {"sizes": ((9, 9),)}, {"format": "png"}):
        with closing(Plan(asked(overwrite="always", **more))) as plan:
            keys.append([plan.key(thumb) for thumb in plan.items()])
    assert keys[0] == keys[1] and len({key for each in keys for key in each}) == 12


# Pruning


def prune(*inputs: str, **more: Any) -> list[str]:
    with closing(Plan(asked(*inputs, **more))) as plan:
        return list(plan.prune())


def test_prune_removes_what_was_made_here_and_nothing_else(again: Again, folder: Path) -> None:
    again()
    (folder / "out" / "stranger.jpg").write_text("left alone")
    for name in ("a", "b"):
        (folder / "in" / f"{name}.png").unlink()
    (folder / "out" / "b.jpg").write_text("put here by somebody else")
    assert prune(dry=True) == [os.path.join("out", "a.jpg")]
    assert (folder / "out" / "a.jpg").exists()
    assert prune() == [os.path.join("out", "a.jpg")]
    assert sorted(os.listdir(folder / "out")) == [FILE, "b.jpg", "c.jpg", "stranger.jpg"]
    assert prune() == []


def test_prune_leaves_what_came_from_elsewhere(again: Again, folder: Path) -> None:
    (folder / "disk").mkdir()
    (folder / "disk" / "d.png").write_text("d")
    again("in", "disk")
    (folder / "disk" / "d.png").unlink()  # as if the disk were not mounted
    assert prune("in") == []
    (folder / "disk" / "e.png").write_text("e")
    assert prune("disk") == [os.path.join("out", "d.jpg")]


def test_prune_leaves_an_output_that_has_a_new_input(again: Again, folder: Path) -> None:
    again()
    os.rename(folder / "in" / "a.png", folder / "in" / "a.gif")
    assert prune(overwrite="never") == []
    assert (folder / "out" / "a.jpg").exists()


# Refused before anything is changed


def test_nothing_is_changed_when_only_looking(folder: Path) -> None:
    with closing(Plan(asked(dry=True))) as plan:
        assert len(list(plan.items())) == 3
    assert not (folder / "out").exists()


@pytest.mark.parametrize("dry", [False, True])
def test_a_file_in_the_place_of_the_folder_is_refused(folder: Path, dry: bool) -> None:
    (folder / "out").touch()
    with pytest.raises(PlanRefused, match="cannot be made"):
        Plan(asked(dry=dry))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else for a moment")
def test_an_unwritable_folder_is_found_before_work_starts(folder: Path) -> None:
    (folder / "out").mkdir(mode=0o755)
    folder.chmod(0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(PlanRefused, match="'out': cannot be written to: Permission denied"):
            Plan(asked())
    finally:
        os.seteuid(0)


def test_records_that_are_none(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / FILE).write_bytes(b"something else" * 100)
    with pytest.raises(RecordsUnusable, match="not a database; delete it"):
        Plan(asked())


def test_records_of_a_newer_version(again: Again, folder: Path) -> None:
    again()
    file = sqlite3.connect(folder / "out" / FILE)
    file.execute("PRAGMA user_version = 99")
    file.close()
    with pytest.raises(RecordsUnusable, match="newer procession"):
        Plan(asked())


def test_records_that_cannot_be_written_are_an_error_of_ours(folder: Path) -> None:
    (folder / "out").mkdir()
    with closing(Records("out")) as records:
        with closing(sqlite3.connect(folder / "out" / FILE)) as other:
            other.execute("DROP TABLE output")
        with pytest.raises(RecordsUnusable, match="no such table"):
            records.begin([(b"a", b"b", "1:1")])


@pytest.mark.parametrize("choice", ["page", "records"])
def test_names_that_are_taken(folder: Path, choice: str) -> None:
    name = "index.html" if choice == "page" else FILE
    what = Asked(("in/a.png",), "out", Names(name, "jpg", ((9, 9),)), ThumbSettings(), gallery=True)
    with pytest.raises(PlanRefused, match="is taken"):
        Plan(what)


def test_two_commands_in_one_folder(again: Again, folder: Path) -> None:
    with closing(Plan(asked("in/a.png"))) as one, closing(Plan(asked("in/b.png"))) as other:
        assert make(one) + make(other) == ["a", "b"]
    assert again() == ["c"]


def test_many_files_take_little_memory(folder: Path) -> None:
    import tracemalloc

    for number in range(5000):
        (folder / "in" / f"{number}.png").touch()
    tracemalloc.start()
    try:
        with closing(Plan(asked())) as plan:
            count = sum(1 for _ in plan.items())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 5003
    assert peak < 1_000_000  # 200 bytes a file would be as much: a path alone takes 100
