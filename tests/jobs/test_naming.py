"""Names of outputs: from a pattern, never two inputs under one name, never over an input."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from procession.jobs import naming
from procession.jobs.errors import PlanRefused
from procession.jobs.sources import Source


def planned(*paths: str, output: str = "out", pattern: str = naming.DEFAULT_PATTERN, **options: str) -> list[str]:
    sources = [Source(path, "") for path in paths]
    thumbs = naming.plan(sources, output, pattern, options.get("choice", "jpg"))  # type: ignore[arg-type]
    return [thumb.target for thumb in thumbs]


def test_the_usual_name() -> None:
    assert planned("photos/a.png", "b.c.JPG") == [os.path.join("out", "a.jpg"), os.path.join("out", "b.c.jpg")]


def test_every_field() -> None:
    pattern = "{parent}/{index:03}_{stem}-{suffix}.{ext}"
    assert planned("photos/x/a.PNG", pattern=pattern) == [os.path.join("out", "x/001_a-PNG.jpg")]


def test_the_parent_of_a_bare_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert planned("a.png", pattern="{parent}-{stem}.{ext}") == [os.path.join("out", f"{tmp_path.name}-a.jpg")]


def test_a_tree_is_kept() -> None:
    thumbs = naming.plan([Source("p/x/a.png", "x")], "out", naming.DEFAULT_PATTERN, "webp")
    assert thumbs[0].target == os.path.join("out", "x", "a.webp")


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
    assert repr(naming.Thumb("a.png", "out/a.jpg", "JPEG")) == "'a.png'"
