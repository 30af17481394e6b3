"""Keys: equal items have one, wherever and whenever it is asked for; different ones have their own."""

from __future__ import annotations

import enum
import functools
import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import procession
from procession.runs.keys import SIZE, make_key
from tests.helpers.scripts import Finished

key_of = make_key()

plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.text(alphabet="ab", max_size=3)
)
hashable = st.recursive(plain, lambda inner: st.one_of(st.tuples(inner, inner), st.frozensets(inner, max_size=4)))
values = st.recursive(
    hashable,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(hashable, inner, max_size=4),
        st.sets(hashable, max_size=4),
        st.builds(lambda name, tags: Photo(name, tags), inner, st.dictionaries(st.text(), inner, max_size=3)),
    ),
    max_leaves=15,
)


@dataclass
class Photo:
    name: Any
    tags: dict[Any, Any] = field(default_factory=dict)


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


def rebuilt(value: Any) -> Any:
    """An equal value that shares no object with the given one, its dicts and sets built the other way round."""
    kind = type(value)
    if kind is str:
        return "".join(list(value))
    if kind is bytes:
        return bytes(bytearray(value))
    if kind in (list, tuple):
        return kind([rebuilt(each) for each in value])
    if kind in (set, frozenset):
        return kind([rebuilt(each) for each in reversed(list(value))])
    if kind is dict:
        return {rebuilt(name): rebuilt(each) for name, each in reversed(list(value.items()))}
    if kind is Photo:
        made = Photo.__new__(Photo)
        made.tags, made.name = rebuilt(value.tags), rebuilt(value.name)
        return made
    return value


@given(values)
@settings(max_examples=400, deadline=None)
def test_equal_items_have_equal_keys(value: Any) -> None:
    assert key_of(value) == key_of(rebuilt(value)) == key_of(value)
    assert len(key_of(value)) == SIZE


def written(value: Any) -> str:
    """A text that tells any two values apart that differ in a type or a value."""
    kind = type(value)
    if kind in (list, tuple):
        return f"{kind.__name__}[{','.join(map(written, value))}]"
    if kind in (set, frozenset):
        return f"{kind.__name__}[{','.join(sorted(map(written, value)))}]"
    if kind is dict:
        return f"dict[{','.join(sorted(f'{written(name)}:{written(each)}' for name, each in value.items()))}]"
    if kind is Photo:
        return f"Photo[{written(value.name)},{written(value.tags)}]"
    return f"{kind.__name__}{value!r}"


@given(values, values)
@settings(max_examples=400, deadline=None)
def test_different_items_have_different_keys(one: Any, other: Any) -> None:
    assert (key_of(one) == key_of(other)) == (written(one) == written(other))


@given(st.lists(st.one_of(st.text("ab,1:sl", max_size=3), st.binary(max_size=2)), max_size=4))
def test_containers_cannot_be_taken_for_each_other(parts: list[Any]) -> None:
    flat = [parts, [parts], tuple(parts), [*parts, ""], [[*parts]], {"": parts}, Photo("", {"": parts}), str(parts)]
    keys = [key_of(each) for each in flat]
    equal = {(i, j) for i, one in enumerate(flat) for j, other in enumerate(flat) if i < j and one == other}
    assert {(i, j) for i in range(8) for j in range(i + 1, 8) if keys[i] == keys[j]} == {
        (i, j) for i, j in equal if type(flat[i]) is type(flat[j])
    }


def test_keys_are_the_same_in_every_process_whatever_its_hash_seed(run_script: Callable[..., Finished]) -> None:
    script = """
        import datetime, enum, json, sys
        from procession.runs.keys import make_key
        name = "photo" + str(len(sys.argv))
        same = "".join(["pho", "to", str(len(sys.argv))])
        items = [
            "text", 17, -3, 10**5000, 1.5, None, True, b"x", (1, "a"), [name, name], [name, same],
            {"b": 1, "a": {2, 3}}, {"x", "y", "z", name}, frozenset({("a", 1), ("b", 2)}), datetime.date(2026, 1, 2),
            {"a": {"q": {"r", "s"}}},
            complex(1, 2), bytearray(b"abc"), range(7), slice,
        ]
        print(json.dumps([make_key()(each).hex() for each in items]))
    """
    told = [run_script(script, environ={"PYTHONHASHSEED": seed}) for seed in ("0", "1", "77")]
    assert all(each.returncode == 0 for each in told), told[0].stderr
    assert told[0].stdout == told[1].stdout == told[2].stdout
    keys = json.loads(told[0].stdout)
    assert keys[9] == keys[10]
    assert keys[0] == key_of("text").hex() == key_of(sys.intern("text")).hex()
    assert keys[11] == key_of({"a": {3, 2}, "b": 1}).hex()


def test_shared_and_repeated_parts_are_the_same() -> None:
    one, shared = Photo("a"), ["x"]
    assert key_of([shared, shared]) == key_of([["x"], ["x"]])
    assert key_of((one, one)) == key_of((Photo("a"), Photo("a")))
    assert key_of(Size.SMALL) == key_of(Size(1)) != key_of(Size.LARGE)
    assert key_of(date(2026, 1, 2)) == key_of(date(2026, 1, 2))


def test_types_are_told_apart() -> None:
    items = [1, 1.0, True, "1", b"1", (1,), [1], {1}, frozenset({1}), {1: 1}, None, "None", -0.0, 0.0]
    assert len({key_of(each) for each in items}) == len(items)


def test_arrays_have_keys() -> None:
    numpy = pytest.importorskip("numpy")
    assert key_of(numpy.arange(5)) == key_of(numpy.arange(5)) != key_of(numpy.arange(6))
    assert key_of(numpy.int64(3)) == key_of(numpy.int64(3))


def test_file_is_known_by_path_size_and_time(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    absent = key_of(file)
    file.write_bytes(b"one")
    first = key_of(file)
    assert absent != first == key_of(Path(str(file)))
    assert key_of((file, 128)) == key_of((Path(str(file)), 128)) != key_of((file, 256))
    inside = key_of(Photo(file))
    os.utime(file, ns=(1, 1))
    assert key_of(file) != first and key_of(Photo(file)) != inside
    (tmp_path / "b.jpg").write_bytes(b"one")
    os.utime(tmp_path / "b.jpg", ns=(1, 1))
    assert key_of(tmp_path / "b.jpg") != key_of(file)


def test_relative_path_is_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("x")
    monkeypatch.chdir(tmp_path)
    assert key_of(Path("a")) == key_of(tmp_path / "a")


def test_checksum_looks_at_what_the_file_holds(tmp_path: Path) -> None:
    by_sum = make_key(checksum=True)
    file = tmp_path / "a.jpg"
    file.write_bytes(b"one")
    first = by_sum(file)
    os.utime(file, ns=(1, 1))
    assert by_sum(file) == first
    facts = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert by_sum(file) != first
    assert by_sum("text") == key_of("text")


def test_plain_text_is_no_path_unless_asked(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("x")
    text = str(file)
    as_file, by_sum = make_key(procession.file_key), make_key(functools.partial(procession.file_key, checksum=True))
    before = key_of(text), as_file(text), by_sum(text)
    os.utime(file, ns=(5, 5))
    assert [one == other for one, other in zip(before, (key_of(text), as_file(text), by_sum(text)), strict=True)] == [
        True,
        False,
        True,
    ]
    assert procession.file_key(tmp_path).startswith(b"folder:")


def test_own_key_is_all_that_counts() -> None:
    by_name = make_key(lambda photo: photo.name)
    assert by_name(Photo("a", {"x": 1})) == by_name(Photo("a")) != by_name(Photo("b"))
    assert len({make_key(lambda each: each)(each) for each in ("1", b"1", 1)}) == 3
    with pytest.raises(procession.KeyNotPossible, match=r"key= gave 1\.5 for it, which is neither str"):
        make_key(lambda photo: 1.5)("a")  # type: ignore[arg-type, return-value]


def test_what_cannot_be_pickled_is_refused_with_what_to_do() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for item in (threading.Lock(), loop, lambda: 1, Photo(threading.Lock())):
        with pytest.raises(procession.KeyNotPossible, match="give key= a function that names it"):
            key_of(item)


class Tags(set[str]):
    pass


class FixedTags(frozenset[str]):
    pass


@dataclass
class Cut:
    path: str
    width: int

    def __fspath__(self) -> str:
        return self.path


def test_own_class_of_paths_is_known_by_all_that_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    small, large = Cut(str(file), 100), Cut(str(file), 200)
    before = key_of(small)
    assert before == key_of(Cut(str(file), 100)) != key_of(large)
    assert key_of(Photo(small)) != key_of(Photo(large))
    assert key_of([small]) != key_of([large])
    file.write_text("another")
    assert key_of(small) != before


def test_own_class_of_sets_has_the_same_key_whatever_the_hash_seed(run_script: Callable[..., Finished]) -> None:
    names = [f"photo{number}" for number in range(20)]
    script = f"""
        from procession.runs.keys import make_key
        from tests.runs.test_keys import FixedTags, Photo, Tags
        names = {names!r}
        for each in (Tags(names), FixedTags(names), Photo("a", {{"tags": Tags(names)}})):
            print(make_key()(each).hex())
    """
    told = [
        run_script(script, environ={"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)})
        for seed in ("1", "2")
    ]
    assert told[0].returncode == 0, told[0].stderr
    assert told[0].stdout == told[1].stdout
    assert key_of(Tags(names)) != key_of(set(names)) != key_of(FixedTags(names))
    other = Tags(names)
    other.place = "x"  # type: ignore[attr-defined]
    assert key_of(other) != key_of(Tags(names))
