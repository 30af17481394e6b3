"""The same functions travel whatever started the program that defines them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.helpers import scripts
from tests.wire.conftest import far_environment

PROGRAM = """
from far_side import Far
far = Far()
import dataclasses
@dataclasses.dataclass
class Point:
    x: int
K = 2
def double(p): return Point(p.x * K)
back = far(double, Point(4))
assert type(back) is Point and back == Point(8)
assert far(lambda p: double(p).x, Point(1)) == 2
K = 3
assert far(double, Point(4)) == Point(12)
assert far.twin()(double, Point(4)) == Point(12)
print("right")
"""


@pytest.mark.short
@pytest.mark.parametrize("way", ["file", "-c", "-", "-m"])
def test_ways_to_start_a_program(way: str, far_kind: str, tmp_path: Path) -> None:
    scripts.write_script(tmp_path, PROGRAM, "program.py")
    arguments = {"file": ["program.py"], "-c": ["-c", PROGRAM], "-": ["-"], "-m": ["-m", "program"]}[way]
    stdin = PROGRAM if way == "-" else None
    ended = scripts.run_command([sys.executable, *arguments], tmp_path, environ=far_environment(far_kind), stdin=stdin)
    assert (ended.returncode, ended.stdout.strip()) == (0, "right"), ended.stderr


def test_notebook_whose_cells_run_in_a_main_module_of_their_own(far_kind: str, tmp_path: Path) -> None:
    cells = """
        import sys, types
        kernel = types.ModuleType("__main__")
        sys.modules["__main__"] = kernel
        space = kernel.__dict__
        space.update({"In": [""], "Out": {}, "_oh": {}, "get_ipython": sys.stdin, "_": None, "lock": open("/dev/null")})
        def cell(text): exec(compile(text, "<ipython-input>", "exec"), space)
        cell("from far_side import Far")
        cell("far = Far()")
        cell("K = 1")
        cell("def f(x): return x + K")
        cell("assert far(f, 1) == 2")
        cell("def f(x): return x - K")
        cell("assert far(f, 1) == 0 and far(lambda x: f(x), 1) == 0")
        cell("K = 5")
        cell("assert far(f, 1) == -4")
        cell("class A:\\n    def me(self): return f(3)")
        cell("a = A()")
        cell("assert far(a.me) == -2 and type(far(A)) is A")
        cell("class A:\\n    def me(self): return f(13)")
        cell("assert far(lambda: A().me()) == 8 and type(far(A)) is A")
        cell("assert type(far(lambda x: 1, a)) is int")
    """
    ended = scripts.run_script(cells, tmp_path, environ=far_environment(far_kind))
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_parent_that_is_a_spawned_child_of_multiprocessing(method: str, far_kind: str, tmp_path: Path) -> None:
    text = f"""
        import multiprocessing
        from far_side import Far
        class Point:
            def __init__(self, x): self.x = x
        K = [2]
        def double(p): return Point(p.x * len(K))
        def nested(queue):
            far = Far()
            assert __name__ == "__mp_main__"
            back = far(double, Point(4))
            assert type(back) is Point and back.x == 4, back
            assert far(lambda p: isinstance(p, Point) and double(p).x, Point(5)) == 5
            assert far(double, far(double, Point(2))).x == 2
            queue.put(("right", back))
        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            queue = context.SimpleQueue()
            process = context.Process(target=nested, args=(queue,))
            process.start()
            process.join()
            assert process.exitcode == 0
            word, back = queue.get()
            assert word == "right" and type(back) is Point
    """
    ended = scripts.run_script(text, tmp_path, environ=far_environment(far_kind))
    assert ended.returncode == 0, ended.stderr


def test_worker_that_ran_the_main_module_again(tmp_path: Path) -> None:
    text = """
        import sys
        from far_side import Far, serve
        from procession.wire.functions import Shipper
        class Point:
            def __init__(self, x): self.x = x
        def double(p): return Point(p.x * 2)
        far = None
        def child(channel): serve(channel)
        if __name__ == "__main__":
            import multiprocessing, socket
            far = Far("clean")
            far.shipper = Shipper(dict(globals()))
            ours, theirs = socket.socketpair()
            process = multiprocessing.get_context("spawn").Process(target=child, args=(theirs,))
            process.start()
            theirs.close()
            far._socket = ours
            back = far(double, Point(4))
            assert type(back) is Point and back.x == 8 and far.definitions_sent == 0
            assert far(lambda p: double(p).x, Point(1)) == 2
            def double(p): return Point(-p.x)
            assert far(lambda p: double(p).x, Point(1)) == -1
            ours.close()
            process.join()
    """
    ended = scripts.run_script(text, tmp_path, environ=far_environment("clean"))
    assert ended.returncode == 0, ended.stderr


def test_worker_that_has_workers_of_its_own(far_kind: str, tmp_path: Path) -> None:
    text = """
        from far_side import Far
        far = Far()
        class Point:
            def __init__(self, x): self.x = x
        K = 2
        def double(p): return Point(p.x * K)
        def inner(p, kind):
            def local(p): return double(p).x
            below = Far(kind)
            assert below(local, p) == 4
            assert type(below(double, p)) is Point
            return below(double, below(double, p))
        for kind in ("clean", "early"):
            back = far(inner, Point(2), kind)
            assert type(back) is Point and back.x == 8
    """
    ended = scripts.run_script(text, tmp_path, environ=far_environment(far_kind))
    assert ended.returncode == 0, ended.stderr
