"""Start methods: what workers have of the parent's modules, and every way in which a program may be started."""

from __future__ import annotations

import os
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import scripts

METHODS = ("None", "'nursery'", "'fork'", "'forkserver'", "'spawn'")

# What is defined in a main module must work, whatever becomes of that module in a worker.
BODY = """
    import sys
    import procession

    FACTOR = 3

    class Point:
        def __init__(self, x):
            self.x = x

    def times(point):
        return Point(helper(point.x))

    def helper(number):
        return FACTOR * number

    def prepare(value):
        global prepared
        prepared = value

    def read(_):
        return prepared

    def work():
        for method in (METHODS):
            with procession.Pool(2, prepare, ("ready",), context=method) as pool:
                points = pool.map(times, [Point(1), Point(2)])
                assert [type(point) for point in points] == [Point] * 2, points
                assert [point.x for point in points] == [3, 6]
                assert pool.map(lambda x: x + FACTOR, [1]) == [4]
                assert pool.map(read, [1, 2]) == ["ready"] * 2
                assert [point.x for point in pool.imap(times, [Point(3)])] == [9]
                assert pool.apply(read, (0,)) == "ready"
                assert pool.submit(read, 0).result() == "ready"
        assert procession.map(helper, [1, 2]) == [3, 6]
        assert list(procession.stream(helper, [1, 2])) == [3, 6]
        print("all right", __name__)

""".replace("METHODS", ", ".join(METHODS))
BODY = textwrap.dedent(BODY)
UNGUARDED = BODY + "work()\n"
GUARDED = BODY + 'if __name__ == "__main__":\n    work()\n'


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., scripts.Finished]:
    """`program(*arguments, stdin=None)` runs Python in the test's folder."""

    def run(*arguments: str, stdin: str | None = None) -> scripts.Finished:
        return scripts.run_command([sys.executable, *arguments], tmp_path, stdin=stdin, timeout=30)

    return run


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def worked(finished: scripts.Finished) -> None:
    assert (finished.stdout, finished.stderr, finished.returncode) == ("all right __main__\n", "", 0)


@pytest.mark.short
@pytest.mark.parametrize("text", [UNGUARDED, GUARDED], ids=["no-guard", "guard"])
def test_script(program: Callable[..., scripts.Finished], tmp_path: Path, text: str) -> None:
    write(tmp_path, "script.py", text)
    worked(program("script.py"))


def test_script_in_another_folder(program: Callable[..., scripts.Finished], tmp_path: Path) -> None:
    write(tmp_path, "deep/beside.py", "def helper(x):\n    return 3 * x\n")
    text = GUARDED.replace("import sys\n", "import sys\nimport beside\n", 1)
    write(tmp_path, "deep/script.py", text.replace("FACTOR * number", "beside.helper(number)"))
    worked(program("deep/script.py"))


def test_command(program: Callable[..., scripts.Finished]) -> None:
    worked(program("-c", UNGUARDED))


def test_standard_input(program: Callable[..., scripts.Finished]) -> None:
    worked(program("-", stdin=UNGUARDED))


@pytest.mark.parametrize("text", [UNGUARDED, GUARDED], ids=["no-guard", "guard"])
def test_module_of_a_package(program: Callable[..., scripts.Finished], tmp_path: Path, text: str) -> None:
    write(tmp_path, "pkg/__init__.py", "")
    write(tmp_path, "pkg/mod.py", text)
    worked(program("-m", "pkg.mod"))


@pytest.mark.parametrize("text", [UNGUARDED, GUARDED], ids=["no-guard", "guard"])
def test_main_of_a_package(program: Callable[..., scripts.Finished], tmp_path: Path, text: str) -> None:
    write(tmp_path, "pkg/__init__.py", "")
    write(tmp_path, "pkg/__main__.py", text)
    worked(program("-m", "pkg"))


@pytest.mark.parametrize("text", [UNGUARDED, GUARDED], ids=["no-guard", "guard"])
def test_folder_and_archive(program: Callable[..., scripts.Finished], tmp_path: Path, text: str) -> None:
    write(tmp_path, "folder/__main__.py", text)
    worked(program("folder"))
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("__main__.py", text)
    worked(program("app.zip"))


def test_text_that_is_executed(program: Callable[..., scripts.Finished], tmp_path: Path) -> None:
    write(tmp_path, "script.py", f"exec({UNGUARDED!r})")
    worked(program("script.py"))


# What was set at run time.

STATE = """
    import sys
    import procession
    import settings

    def read(_):
        import settings
        return settings.value

    if __name__ == "__main__":
        settings.value = "set at run time"
        for method in (METHODS):
            with procession.Pool(1, context=method) as pool:
                print(method, pool.apply(read, (0,)))
"""


def test_module_state_set_at_run_time(program: Callable[..., scripts.Finished], tmp_path: Path) -> None:
    write(tmp_path, "settings.py", "value = 'as imported'\n")
    write(tmp_path, "script.py", textwrap.dedent(STATE).replace("METHODS", ", ".join(METHODS)))
    lines = program("script.py").stdout.splitlines()
    default = "set at run time" if sys.version_info < (3, 14) else "as imported"
    assert lines == [
        f"None {default}",
        "nursery as imported",
        "fork set at run time",
        "forkserver as imported",
        "spawn as imported",
    ]


# Which method is used.

CHOICE = """
    import multiprocessing
    import procession

    def name(_):
        return multiprocessing.current_process().name.partition("PoolWorker")[0]

    if __name__ == "__main__":
        for method in ("spawn", "forkserver", "fork"):
            with procession.get_context(method).Pool(1) as pool:
                print(pool.apply(name, (0,)), end=" ")
            with procession.Pool(1, context=multiprocessing.get_context(method)) as pool:
                print(pool.apply(name, (0,)), end=" ")
            multiprocessing.set_start_method(method, force=True)
            with procession.Pool(1) as pool, procession.get_context().Pool(1) as other:
                print(pool.apply(name, (0,)), other.apply(name, (0,)))
            with procession.Pool(1, context="nursery") as pool:
                assert pool.apply(name, (0,)) == "Nursery"
"""


def test_who_decides(program: Callable[..., scripts.Finished], tmp_path: Path) -> None:
    write(tmp_path, "script.py", textwrap.dedent(CHOICE))
    finished = program("script.py")
    assert finished.stdout.splitlines() == [" ".join([name] * 4) for name in ("Spawn", "ForkServer", "Fork")], finished


def test_looking_does_not_decide(program: Callable[..., scripts.Finished]) -> None:
    finished = program(
        "-c",
        "import procession, multiprocessing\n"
        "with procession.Pool(1) as pool: pool.apply(abs, (1,))\n"
        "procession.map(abs, [1])\n"
        "multiprocessing.set_start_method('spawn')\n"
        "print(multiprocessing.get_start_method())",
    )
    assert (finished.stdout, finished.stderr) == ("spawn\n", "")


def test_unknown_method() -> None:
    import procession

    for wrong in ("thread", "", 3, object()):
        with pytest.raises(ValueError, match="must be one of"):
            procession.Pool(1, context=wrong)
    with pytest.raises(ValueError, match="cannot find context"):
        procession.get_context("thread")


# The main module, run once more.

RERUN = """
    import os, sys
    import procession

    with open("runs", "a") as file:
        file.write(f"{os.getpid()} {__name__}\\n")

    def square(number):
        return number * number

    if __name__ == "__main__":
        with procession.Pool(2, context=sys.argv[1]) as pool:
            assert pool.map(square, range(3)) == [0, 1, 4]
"""


@pytest.mark.parametrize("method", ["nursery", "fork", "forkserver", "spawn"])
def test_main_runs_again_under_spawn_and_forkserver(
    program: Callable[..., scripts.Finished], tmp_path: Path, method: str
) -> None:
    write(tmp_path, "script.py", textwrap.dedent(RERUN))
    finished = program("script.py", method)
    assert (finished.returncode, finished.stderr) == (0, "")
    names = [line.split()[1] for line in (tmp_path / "runs").read_text().splitlines()]
    again = ["__mp_main__"] * (len(names) - 1)
    assert names == ["__main__", *again]
    assert len(again) <= 2
    assert bool(again) == (method in ("forkserver", "spawn"))


WRONGLY_GUARDED = """
    import os
    import procession

    with open("runs", "a") as file:
        file.write(f"{os.getpid()}\\n")

    def square(number):
        return number * number

    with procession.Pool(2, context=CONTEXT) as pool:
        print(pool.map(square, range(3)))

    if __name__ == "__main__":
        print("too late")
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_wrong_guard_is_an_error_and_no_fork_bomb(
    program: Callable[..., scripts.Finished], tmp_path: Path, method: str
) -> None:
    write(tmp_path, "script.py", textwrap.dedent(WRONGLY_GUARDED).replace("CONTEXT", repr(method)))
    finished = program("script.py")
    assert finished.returncode == 1
    last = finished.stderr[finished.stderr.rindex("RuntimeError") :]
    assert "if __name__ == '__main__':" in last, finished.stderr
    assert len((tmp_path / "runs").read_text().splitlines()) <= 3


FAILS_AGAIN = """
    import sys
    import procession

    if __name__ != "__main__":
        raise LookupError("only in workers")

    if __name__ == "__main__":
        with procession.Pool(2, context=sys.argv[1]) as pool:
            pool.map(abs, range(3))
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_main_module_that_fails_when_it_runs_again(
    program: Callable[..., scripts.Finished], tmp_path: Path, method: str
) -> None:
    write(tmp_path, "script.py", textwrap.dedent(FAILS_AGAIN))
    finished = program("script.py", method)
    assert finished.returncode == 1
    assert finished.stderr.rstrip().endswith("LookupError: only in workers"), finished.stderr
    assert "script.py" in finished.stderr and 'raise LookupError("only in workers")' in finished.stderr


# Modules imported ahead.

PRELOADS = """
    import os, sys
    import procession

    def pid_of_import(_):
        return "slow_module" in sys.modules and sys.modules["slow_module"].pid

    for turn in range(2):
        with procession.Pool(2, context="nursery", preload=["slow_module", "missing_module"]) as pool:
            print({*pool.map(pid_of_import, range(20), chunksize=1)} == {pool.apply(os.getppid)})
    with procession.Pool(1, context="nursery") as pool:
        print(pool.apply(pid_of_import, (0,)))
"""


def test_preload(program: Callable[..., scripts.Finished], tmp_path: Path) -> None:
    write(tmp_path, "slow_module.py", "import os\npid = os.getpid()\n")
    write(tmp_path, "script.py", textwrap.dedent(PRELOADS))
    finished = program("script.py")
    assert finished.stdout.split() == ["True", "True", "False"]
    assert finished.stderr.count("\n") == 1
    assert finished.stderr.startswith("procession: preload='missing_module': ModuleNotFoundError")


def test_a_preloaded_module_that_ends_its_process(program: Callable[..., scripts.Finished], tmp_path: Path) -> None:
    write(tmp_path, "ends.py", "import os\nos._exit(3)\n")
    finished = program(
        "-c",
        "import procession, os, time\n"
        "try:\n"
        "    with procession.Pool(2, context='nursery', preload=['ends']) as pool: pool.map(abs, [1])\n"
        "except procession.StartFailed as error: print(error)\n"
        "with procession.Pool(2, context='nursery') as pool: print(pool.map(abs, [-1]))\n",
    )
    assert finished.stdout.splitlines()[0].startswith("a worker could not be started: the nursery ends before")
    assert finished.stdout.splitlines()[1] == "[1]"
    assert finished.stderr == ""


def test_rights_given_up_are_not_kept_by_a_nursery(program: Callable[..., scripts.Finished]) -> None:
    if os.getuid():
        pytest.skip("needs root")
    finished = program(
        "-c",
        "import procession, os\n"
        "print(procession.map(lambda _: os.getresuid(), [0]))\n"
        "os.setresuid(65534, 0, 0)\n"
        "print(procession.map(lambda _: os.getresuid(), [0]))\n",
    )
    assert finished.stdout.splitlines() == ["[(0, 0, 0)]", "[(65534, 0, 0)]"], finished
