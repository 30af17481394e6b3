"""Names of outputs: from a pattern, never two inputs under one name, never over an input."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from procession.jobs import naming
from procession.jobs.errors import PlanRefused
from procession.jobs.formats import Choice
from procession.jobs.ledger import Ledger
from procession.jobs.sources import Source

Sizes = tuple[tuple[int, int], ...]


def planned(
    *paths: str,
    output: str = "out",
    pattern: str | None = None,
    choice: Choice = "jpg",
    sizes: Sizes = ((256, 256),),
    below: str = "",
) -> list[str]:
    """The outputs of these inputs, in this order."""
    ledger = Ledger(output)
    with closing(ledger):
        ledger.add(Source(path, below, batch) for batch, path in enumerate(paths))
        ledger.name(naming.Names(pattern, choice, sizes))
        return [os.path.join(output, os.fsdecode(row.name)) for row in ledger.rows()]


def test_the_usual_name() -> None:
    assert planned("photos/a.png", "b.c.JPG") == [os.path.join("out", "a.jpg"), os.path.join("out", "b.c.jpg")]


def test_every_field() -> None:
    pattern = "{parent}/{index:03}_{stem}-{suffix}.{ext}"
    assert planned("photos/x/a.PNG", pattern=pattern) == [os.path.join("out", "x/001_a-PNG.jpg")]


def test_the_parent_of_a_bare_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert planned("a.png", pattern="{parent}-{stem}.{ext}") == [os.path.join("out", f"{tmp_path.name}-a.jpg")]


def test_a_tree_is_kept() -> None:
    assert planned("p/x/a.png", below="x", choice="webp") == [os.path.join("out", "x", "a.webp")]


@pytest.mark.parametrize(
    ("sizes", "pattern", "names"),
    [
        (((128, 128), (640, 480)), None, ["a-128.jpg", "a-640x480.jpg"]),
        (((128, 128),), None, ["a.jpg"]),
        (((128, 128),), "{size}/{stem}.{ext}", ["128/a.jpg"]),
        (((128, 128), (64, 64)), "{size:_>4}/{stem}.{ext}", ["_128/a.jpg", "__64/a.jpg"]),
    ],
)
def test_sizes(sizes: Sizes, pattern: str | None, names: list[str]) -> None:
    assert planned("a.png", sizes=sizes, pattern=pattern) == [os.path.join("out", name) for name in names]


def test_sizes_must_be_told_apart() -> None:
    with pytest.raises(PlanRefused, match="needs {size}"):
        planned("a.png", sizes=((1, 1), (2, 2)), pattern="{stem}.{ext}")


def test_a_clash_of_several_sizes_has_a_way_out() -> None:
    sizes = ((1, 1), (2, 2))
    with pytest.raises(PlanRefused, match="--name '{stem}-{suffix}-{size}.{ext}'"):
        planned("p/a.jpg", "p/a.png", sizes=sizes)
    assert len(set(planned("p/a.jpg", "p/a.png", sizes=sizes, pattern="{stem}-{suffix}-{size}.{ext}"))) == 4


@pytest.mark.parametrize(
    ("paths", "pattern"),
    [
        (("p/a.jpg", "p/a.png"), "{stem}-{suffix}.{ext}"),
        (("p/a.jpg", "q/a.jpg"), "{parent}-{stem}.{ext}"),
        (("p/a.jpg", "p/a.png", "q/a.jpg"), "{parent}-{stem}-{suffix}.{ext}"),
        (("p/x/a.jpg", "q/x/a.jpg"), "{index}-{stem}.{ext}"),
    ],
)
def test_a_clash_names_both_inputs_and_a_pattern_that_helps(paths: tuple[str, ...], pattern: str) -> None:
    with pytest.raises(PlanRefused) as caught:
        planned(*paths)
    assert f"--name '{pattern}'" in str(caught.value)
    assert sum(repr(path) in str(caught.value) for path in paths) == 2
    assert len(set(planned(*paths, pattern=pattern))) == len(paths)


def test_an_output_over_its_own_input_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "a.jpg")
    with pytest.raises(PlanRefused, match="would be replaced by the thumbnail"):
        planned(path, output=str(tmp_path))


def test_an_output_over_another_input_is_refused_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    inputs = [str(tmp_path / "real" / name) for name in ("a.png", "b.jpg")]
    with pytest.raises(PlanRefused, match="b.jpg"):
        planned(*inputs, output=str(tmp_path / "link"), pattern="b.{ext}" if len(inputs) == 1 else "{stem}.{ext}")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("{name}.{ext}", "no field {name}"),
        ("{stem.__class__}.{ext}", "no field"),
        ("{}.{ext}", "no field"),
        ("{stem", "expected '}'"),
        ("{stem:d}.{ext}", "format code 'd'"),
        ("../{stem}.{ext}", "inside the output folder"),
        ("/{stem}.{ext}", "inside the output folder"),
        ("", "inside the output folder"),
        ("{stem}/", "inside the output folder"),
        ("{stem}.png", "would hold JPEG"),
    ],
)
def test_a_wrong_pattern_is_refused(pattern: str, text: str) -> None:
    with pytest.raises(PlanRefused) as caught:
        planned("a.gif", pattern=pattern)
    assert text in str(caught.value) and "--name" in str(caught.value)


def test_a_suffix_of_the_same_format_may_be_written_out() -> None:
    assert planned("a.png", pattern="{stem}.jpeg") == [os.path.join("out", "a.jpeg")]


def test_a_thumb_is_shown_as_its_source() -> None:
    assert repr(naming.Thumb("a.png", "JPEG", ())) == "'a.png'"


def test_names_that_are_no_text_are_names() -> None:
    assert planned("p/\udcff.png") == [os.path.join("out", "\udcff.jpg")]


def test_outputs_come_in_the_order_of_inputs_and_of_names_within_a_folder() -> None:
    ledger = Ledger("out")
    with closing(ledger):
        ledger.add(Source(path, "", batch) for path, batch in (("q/b.png", 1), ("q/a.png", 1), ("p/c.png", 0)))
        ledger.add([Source("./q/a.png", "", 2)])
        ledger.name(naming.Names(None, "jpg", ((9, 9),)))
        assert [row.name for row in ledger.rows()] == [b"c.jpg", b"a.jpg", b"b.jpg"]
