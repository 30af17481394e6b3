"""Inputs: files, folders and patterns."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from procession.jobs.errors import PlanRefused
from procession.jobs.ledger import Ledger
from procession.jobs.naming import Names
from procession.jobs.sources import Source, find_sources, roots


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("p/b.jpg", "p/a.PNG", "p/notes.txt", "p/.hidden.jpg", "p/x/c.jpg", "p/x/y/d.tif", "p/.cache/e.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*arguments: str, recursive: bool = False, output: str = "out") -> list[Source]:
    """What is found, in the order that is meant."""
    return sorted(find_sources(arguments, recursive=recursive, output=output), key=lambda each: (each.batch, each.path))


def paths(*arguments: str, recursive: bool = False, output: str = "out") -> list[str]:
    return [source.path for source in found(*arguments, recursive=recursive, output=output)]


def test_a_folder_gives_the_images_right_in_it(tree: Path) -> None:
    assert paths("p") == ["p/a.PNG", "p/b.jpg"]


def test_recursive_keeps_the_tree(tree: Path) -> None:
    assert found("p", recursive=True) == [
        Source("p/a.PNG", "", 0),
        Source("p/b.jpg", "", 0),
        Source("p/x/c.jpg", "x", 1),
        Source("p/x/y/d.tif", os.path.join("x", "y"), 2),
    ]


def test_a_named_file_is_taken_whatever_it_is(tree: Path) -> None:
    assert paths("p/notes.txt", "p/.hidden.jpg") == ["p/notes.txt", "p/.hidden.jpg"]


def test_patterns(tree: Path) -> None:
    assert paths("p/*.jpg") == ["p/b.jpg"]
    assert paths("p/**/*.jpg") == ["p/b.jpg", "p/x/c.jpg"]


def test_a_name_with_brackets_is_a_name_first(tree: Path) -> None:
    (tree / "[a].jpg").touch()
    assert paths("[a].jpg") == ["[a].jpg"]


def test_each_file_once_however_it_is_spelled(tree: Path) -> None:
    (tree / "link").symlink_to("p")
    ledger = Ledger("out")
    with closing(ledger):
        arguments = ("p", "p/b.jpg", "./p/../p/a.PNG", "link/b.jpg")
        ledger.add(find_sources(arguments, recursive=False, output="out"))
        ledger.name(Names(None, "jpg", ((9, 9),)))
        assert [row.source for row in ledger.rows()] == [b"p/a.PNG", b"p/b.jpg"]


@pytest.mark.parametrize(
    ("argument", "root"), [("p", "p"), ("p/b.jpg", "p"), ("p/*.jpg", "p"), ("p/**/*.jpg", "p"), ("*/b.jpg", "")]
)
def test_where_an_argument_looks(tree: Path, argument: str, root: str) -> None:
    assert roots([argument]) == [str(tree / root) if root else str(tree)]


def test_the_output_folder_is_never_searched(tree: Path) -> None:
    assert paths("p", recursive=True, output="p/x") == ["p/a.PNG", "p/b.jpg"]
    assert paths(".", recursive=True, output="./p/x/y") == ["./p/a.PNG", "./p/b.jpg", "./p/x/c.jpg"]


def test_links_to_folders_are_not_followed_below_a_folder(tree: Path) -> None:
    (tree / "p" / "x" / "loop").symlink_to(tree / "p")
    assert paths("p/x", recursive=True) == ["p/x/c.jpg", "p/x/y/d.tif"]


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("nothing", "'nothing': no such file or folder"),
        ("p/*.gif", "'p/*.gif': no file matches"),
        ("empty", "'empty': no image files in this folder; -r"),
        ("pipe", "'pipe': is neither a file nor a folder"),
        ("out", "'out': is the output folder too"),
    ],
)
def test_an_argument_that_means_nothing_is_refused(tree: Path, argument: str, text: str) -> None:
    for folder in ("empty", "out"):
        (tree / folder).mkdir()
    os.mkfifo(tree / "pipe")
    with pytest.raises(PlanRefused) as caught:
        paths("p", argument)
    assert str(caught.value).startswith(text)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_refused(tree: Path) -> None:
    (tree / "p" / "x").chmod(0)
    try:
        with pytest.raises(PlanRefused, match="cannot be read"):
            paths("p", recursive=True)
    finally:
        (tree / "p" / "x").chmod(0o700)
