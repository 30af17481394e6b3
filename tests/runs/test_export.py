"""Results out: each line, cell and column says what the run has, in the order of the input."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import procession


def record(item: Any) -> Any:
    if item == "bad":
        raise KeyError("no such thing")
    return {"text": item, "length": len(str(item))}


def made(folder: Path, items: list[Any], function: Any = record) -> procession.Run[Any]:
    return procession.run(function, items, journal=folder / "run.db", backend="serial")


def test_json_lines(tmp_path: Path) -> None:
    with made(tmp_path, ["é", "bad", "é"]) as run:
        assert run.export(tmp_path / "out.jsonl") == 3
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"item": "é", "result": {"text": "é", "length": 1}},
        {"item": "bad", "error": {"type": "KeyError", "message": "'no such thing'"}},
        {"item": "é", "result": {"text": "é", "length": 1}},
    ]
    assert not list(tmp_path.glob("*.part"))


def test_what_json_cannot_hold_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("as it was\n")
    with made(tmp_path, [1, 2], lambda item: {item}) as run:
        with pytest.raises(ValueError, match="item 1: set is nothing that JSON can hold; give default= a function"):
            run.export(out)
        assert out.read_text() == "as it was\n"
        assert run.export(out, default=list) == 2
    assert out.read_text() == '{"item": 1, "result": [1]}\n{"item": 2, "result": [2]}\n'


def test_csv(tmp_path: Path) -> None:
    with made(tmp_path, ["a,b", "bad", Path("x/y")]) as run:
        assert run.export(tmp_path / "out.csv") == 3
    with open(tmp_path / "out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(each["item"], each["state"], each["error_type"]) for each in rows] == [
        ("a,b", "done", ""),
        ("bad", "failed", "KeyError"),
        ('"x/y"', "done", ""),
    ]
    assert json.loads(rows[0]["result"]) == {"text": "a,b", "length": 3}


def test_parquet_has_the_types_of_the_results(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    with made(tmp_path, ["a", "bad", "ccc"]) as run:
        assert run.export(tmp_path / "out.parquet") == 3
    table = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [each["result"] for each in table] == [{"text": "a", "length": 1}, None, {"text": "ccc", "length": 3}]
    assert [each["state"] for each in table] == ["done", "failed", "done"]


def test_parquet_of_results_of_several_types_is_text(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    with made(tmp_path, [1, "a", 2.5], lambda item: item) as run:
        run.export(tmp_path / "out", format="parquet")
    assert parquet.read_table(tmp_path / "out")["result"].to_pylist() == ["1", "a", "2.5"]


def test_parquet_whose_type_changes_later_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with made(tmp_path, list(range(5001)), lambda item: item if item < 5000 else "x") as run:
        with pytest.raises(ValueError, match=r"column 'result' is of the type int64 .*write JSON lines"):
            run.export(tmp_path / "out.parquet")
    assert not list(tmp_path.glob("out*"))


def test_unknown_format_is_refused(tmp_path: Path) -> None:
    with made(tmp_path, ["a"]) as run:
        with pytest.raises(ValueError, match=r"its name must end in one of \.jsonl"):
            run.export(tmp_path / "out.txt")
        with pytest.raises(ValueError, match="format='xml': must be one of"):
            run.export(tmp_path / "out.txt", format="xml")  # type: ignore[arg-type]
