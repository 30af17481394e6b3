"""Captured output: each outcome has what its item printed, at every level, and nothing else has."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

import procession


def talk(item: int) -> int:
    print("out", item)
    print("err", item, file=sys.stderr)
    os.write(1, b"below\n")
    subprocess.run([sys.executable, "-c", f"print('program', {item})"], check=True)
    sys.stdout.write("no newline")
    return item


def talk_and_fail(item: int) -> None:
    print("before", item)
    raise LookupError(item)


def say_nothing(item: int) -> int:
    return item


EXPECTED = "out {0}\nbelow\nprogram {0}\nno newline"


@pytest.mark.short
def test_each_outcome_has_its_item_s_output(start_method: str | None, capfd: Any) -> None:
    with procession.Pool(2, context=start_method, capture_output=True) as pool:
        outcomes = pool.map(talk, range(4), outcomes=True)
        (failed,) = pool.imap(talk_and_fail, [8], outcomes=True)
        (silent,) = pool.imap_unordered(say_nothing, [9], outcomes=True)
        single = pool.apply(talk, (6,), outcomes=True)
    for each in [*outcomes, single]:
        assert (each.stdout, each.stderr) == (EXPECTED.format(each.result), f"err {each.result}\n")
    assert (failed.stdout, failed.stderr) == ("before 8\n", "") and not failed.ok
    assert (silent.stdout, silent.stderr) == ("", "")
    assert capfd.readouterr() == ("", "")


def test_without_the_option_it_is_printed(capfd: Any) -> None:
    with procession.Pool(1, context="spawn") as pool:
        (outcome,) = pool.map(talk, [1], outcomes=True)
        pool.close()
        pool.join()
    assert outcome.stdout is None and outcome.stderr is None
    assert capfd.readouterr() == (EXPECTED.format(1), "err 1\n")


def test_what_no_outcome_carries_is_printed(run_script: Any) -> None:
    done = run_script("""
        import procession

        with procession.Pool(1, capture_output=True) as pool:
            pool.map(print, ["one"])
            list(pool.imap(print, ["two"]))
            pool.apply(print, ("three",))
            pool.submit(print, "four").result()
    """)
    assert sorted(done.stdout.split()) == ["four", "one", "three", "two"], done


def close_streams(item: int) -> None:
    print("first")
    if item == 1:
        sys.stdout.close()
    elif item == 2:
        sys.stderr = None
    elif item == 3:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def test_what_a_task_does_to_its_streams_hurts_no_other(start_method: str | None) -> None:
    with procession.Pool(1, context=start_method, capture_output=True) as pool:
        outcomes = pool.map(close_streams, range(5), outcomes=True)
    assert [each.stdout for each in outcomes] == ["first\n"] * 5
    assert all(each.ok for each in outcomes)


def leave_a_talker(item: int) -> None:
    read, write = os.pipe()
    if item == 0:
        pid = os.fork()
        if not pid:
            os.close(write)
            os.read(TALK, 1)
            print("too late", flush=True)
            os.write(TOLD, b".")
            os._exit(0)
    else:
        os.write(GO, b".")
        os.read(HEARD, 1)
        print("mine")
    os.close(read)
    os.close(write)


TALK, GO = os.pipe()
HEARD, TOLD = os.pipe()


def test_what_outlives_its_item_is_not_heard_in_the_next() -> None:
    with procession.Pool(1, context="fork", capture_output=True) as pool:
        first, second = pool.map(leave_a_talker, range(2), outcomes=True)
    assert first.ok and second.ok
    assert "too late" not in second.stdout
    assert second.stdout == "mine\n"


def print_odd_things(_: object) -> None:
    print("ä\udcff")
    sys.stdout.buffer.write(b"\xff\n")


def test_any_text_and_any_bytes(start_method: str | None) -> None:
    with procession.Pool(1, context=start_method, capture_output=True) as pool:
        (outcome,) = pool.map(print_odd_things, [0], outcomes=True)
    assert outcome.stdout == "ä\\udcff\n\ufffd\n"


def test_a_killed_item_has_none() -> None:
    with procession.Pool(1, context="fork", capture_output=True) as pool:
        killed, other = pool.map(print_and_die, range(2), outcomes=True)
    assert isinstance(killed.error, procession.WorkerDied) and killed.stdout is None
    assert other.stdout == "1\n"


def print_and_die(item: int) -> None:
    print(item)
    if not item:
        os._exit(1)


def test_without_a_pool() -> None:
    outcomes = procession.map(print, "abc", outcomes=True, capture_output=True)
    assert [each.stdout for each in outcomes] == ["a\n", "b\n", "c\n"]
    with procession.stream(print, "de", outcomes=True, capture_output=True) as stream:
        assert [each.stdout for each in stream] == ["d\n", "e\n"]
