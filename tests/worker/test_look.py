"""Workers look like their parent did when the pool was made, also those of a nursery that was started long before."""

from __future__ import annotations

import ast
import multiprocessing
import os
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import procession
from tests.helpers import scripts

METHODS = ("None", "'nursery'", "'fork'", "'forkserver'", "'spawn'")


def look(name: str) -> Any:
    return eval(name, {"os": os, "sys": sys, "warnings": warnings, "multiprocessing": multiprocessing})


@pytest.fixture
def changed_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything that a program may change at run time, after a clean nursery was started."""
    with procession.Pool(1, context="nursery") as pool:
        pool.apply(abs, (1,))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROCESSION_TEST_NEW", "new")
    monkeypatch.setenv("PROCESSION_TEST_BYTES", "caf\udce9")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "more")])
    monkeypatch.setattr(sys, "argv", ["program", "--flag", "value"])
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + 1234)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "told .* once", UserWarning, "a_module", 7)
        warnings.simplefilter("ignore", MyWarning)
        yield
    sys.setrecursionlimit(limit)


class MyWarning(UserWarning):
    """A category that workers must import."""


@pytest.mark.short
def test_paths_arguments_environment_filters(changed_surroundings: None, start_method: str | None) -> None:
    own = "{name: value for name, value in os.environ.items() if not name.endswith('_THREADS')}"  # see test_threads.py
    facts = ("os.getcwd()", own, "sys.path", "sys.argv", "sys.getrecursionlimit()")
    with procession.Pool(1, context=start_method) as pool:
        for fact in facts:
            assert pool.apply(look, (fact,)) == look(fact), fact
        # as text: a compiled expression in a filter equals no other
        assert pool.apply(look, ("str(warnings.filters)",)) == str(warnings.filters)
        # what is seen by C code, too
        shell = pool.apply(look, ("os.popen('echo $PROCESSION_TEST_NEW ${HOME-none}; pwd').read()",))
        assert shell == f"new none\n{os.getcwd()}\n"


def test_the_moment_is_that_of_the_pool_s_making(monkeypatch: pytest.MonkeyPatch, start_method: str | None) -> None:
    monkeypatch.setenv("PROCESSION_TEST", "before")
    with procession.Pool(1, context=start_method, maxtasksperchild=1) as pool:
        monkeypatch.setenv("PROCESSION_TEST", "after")
        for _ in range(3):
            assert pool.apply(look, ("os.environ['PROCESSION_TEST']",)) == "before"


FILTERS = """
    import sys, warnings
    import procession
    import with_warning

    def warn(_):
        assert "with_warning" not in sys.modules
        warnings.warn("of another kind")
        import with_warning as late
        for kind in (late.Base, late.Derived, late.Outer.Inner):
            try:
                warnings.warn("raised", kind)
                return "not raised"
            except kind:
                pass
        return "raised"

    warnings.simplefilter("error", with_warning.Base)
    warnings.simplefilter("error", with_warning.Outer.Inner)
    del sys.modules["with_warning"], with_warning
    print(procession.map(warn, [1]))
"""


def test_a_filter_acts_without_importing_its_category(
    run_script: Callable[..., scripts.Finished], tmp_path: Path
) -> None:
    text = (
        "class Base(UserWarning): pass\nclass Derived(Base): pass\nclass Outer:\n    class Inner(UserWarning): pass\n"
    )
    (tmp_path / "with_warning.py").write_text(text)
    finished = run_script(FILTERS)
    assert finished.stdout == "['raised']\n", finished
    assert "of another kind" in finished.stderr and "raised" not in finished.stderr


def test_a_filter_whose_category_cannot_be_imported_is_left_out(tmp_path: Path) -> None:
    class Local(UserWarning):
        pass

    with warnings.catch_warnings():
        warnings.simplefilter("error", Local)
        with procession.Pool(1, context="nursery") as pool:
            assert pool.apply(abs, (-1,)) == 1


def test_a_deleted_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for method in (None, "nursery"):
        with procession.Pool(1, context=method) as pool:
            assert pool.apply(abs, (-1,)) == 1


# multiprocessing's own state.


def facts_of_process(_: object) -> tuple[Any, ...]:
    this, parent = multiprocessing.current_process(), multiprocessing.parent_process()
    assert parent is not None
    return this.name, this._identity, parent.pid, parent.name, parent.is_alive(), bytes(this.authkey)


def test_current_and_parent_process(start_method: str | None) -> None:
    titles = {None: "Fork", "fork": "Fork", "nursery": "Nursery", "spawn": "Spawn", "forkserver": "ForkServer"}
    title = titles[start_method] if sys.version_info < (3, 14) or start_method else "Nursery"
    key = bytes(multiprocessing.current_process().authkey)
    with procession.Pool(2, context=start_method) as pool:
        found = set(pool.map(facts_of_process, range(50), chunksize=1))
    expected = {(f"{title}PoolWorker-{n}", (n,), os.getpid(), "MainProcess", True, key) for n in (1, 2)}
    assert found and found <= expected


def proxy_length(proxy: Any) -> int:
    proxy.append("seen")
    return len(proxy)


def test_a_manager_s_proxy_finds_its_way(start_method: str | None) -> None:
    with multiprocessing.get_context("fork").Manager() as manager, procession.Pool(1, context=start_method) as pool:
        shared = manager.list()
        assert pool.apply(proxy_length, (shared,)) == 1
        assert list(shared) == ["seen"]


def has_terminal(_: object = None) -> tuple[str, bool]:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return sys.stdin.read(), False
    return sys.stdin.read(), True


def test_standard_input_is_at_its_end(start_method: str | None) -> None:
    with procession.Pool(1, context=start_method) as pool:
        assert pool.apply(has_terminal) == ("", False)
        assert pool.apply(os.read, (0, 100)) == b""


# The interpreter's flags.

FLAGS = """
    import sys, warnings
    import procession

    def facts(_):
        return list(sys.flags), sys.warnoptions, dict(sys._xoptions), str(warnings.filters), __debug__

    if __name__ == "__main__":
        for method in (METHODS):
            with procession.Pool(1, context=method) as pool:
                assert pool.apply(facts, (0,)) == facts(0), (method, pool.apply(facts, (0,)), facts(0))
        print("same")
"""


@pytest.mark.parametrize(
    "flags", [["-O"], ["-OO", "-B"], ["-X", "dev"], ["-W", "error"], ["-I"], ["-s", "-E"], ["-u", "-b"]], ids=" ".join
)
def test_flags(run_script: Callable[..., scripts.Finished], flags: list[str]) -> None:
    path = f"import sys; sys.path.insert(0, {str(scripts.SRC)!r})\n"
    text = path + textwrap.dedent(FLAGS).replace("METHODS", ", ".join(METHODS))
    finished = run_script(text, flags=flags)
    assert (finished.stdout, finished.stderr) == ("same\n", "")


# Standard output.

REDIRECTS = """
    import os, sys
    import procession

    def speak(word):
        print(word, "printed")
        os.write(1, f"{word} written\\n".encode())
        print(word, "complained", file=sys.stderr)

    if __name__ == "__main__":
        procession.map(abs, [1])  # a clean nursery is there from now on
        print("parent")  # not flushed: a fork must not print it again
        for number, method in enumerate((METHODS)):
            new = os.open(f"out-{number}", os.O_WRONLY | os.O_CREAT)
            kept = [os.dup(1), os.dup(2)]
            sys.stdout.flush()
            os.dup2(new, 1)
            os.dup2(new, 2)
            with procession.Pool(1, context=method) as pool:
                pool.map(speak, ["one", "two"])
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)
"""


def test_output_goes_where_the_parent_s_goes_now(run_script: Callable[..., scripts.Finished], tmp_path: Path) -> None:
    finished = run_script(textwrap.dedent(REDIRECTS).replace("METHODS", ", ".join(METHODS)))
    assert (finished.stdout, finished.stderr) == ("parent\n", "")
    for number in range(len(METHODS)):
        lines = (tmp_path / f"out-{number}").read_text().splitlines()
        expected = [f"{word} {how}" for word in ("one", "two") for how in ("printed", "written", "complained")]
        assert lines == expected, METHODS[number]


LINES = """
    import time
    import procession

    def speak(number):
        for part in "abcdefgh":
            print(f"{number}{part}" * 20)

    if __name__ == "__main__":
        for method in (METHODS):
            with procession.Pool(2, context=method) as pool:
                pool.map(speak, range(100), chunksize=1)
"""


def test_lines_of_several_workers_do_not_mix(run_script: Callable[..., scripts.Finished]) -> None:
    finished = run_script(textwrap.dedent(LINES).replace("METHODS", ", ".join(METHODS)))
    wanted = sorted(f"{number}{part}" * 20 for number in range(100) for part in "abcdefgh")
    assert sorted(finished.stdout.splitlines()) == sorted(wanted * len(METHODS))


CLOSED = """
    import os
    import procession

    def speak(number):
        print("into nowhere")
        return number

    if __name__ == "__main__":
        for descriptor in CLOSED:
            os.close(descriptor)
        found = []
        for method in (METHODS):
            with procession.Pool(2, context=method) as pool:
                found += pool.map(speak, [1, 2])
        with open("found", "w") as file:
            file.write(repr(found))
"""


@pytest.mark.parametrize("closed", ["[0]", "[0, 1, 2]", "[1]", "[2]"])
def test_a_parent_whose_standard_descriptors_are_closed(
    run_script: Callable[..., scripts.Finished], tmp_path: Path, closed: str
) -> None:
    text = textwrap.dedent(CLOSED).replace("METHODS", ", ".join(METHODS)).replace("CLOSED", closed)
    finished = run_script(text, timeout=20)
    assert finished.returncode in (0, 120), finished  # 120: CPython cannot flush a closed standard output
    assert ast.literal_eval((tmp_path / "found").read_text()) == [1, 2] * len(METHODS)
