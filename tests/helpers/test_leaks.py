"""The checker must find what is left, or every clean test is worth nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.helpers import leaks, processes, scripts
from tests.helpers.wait import wait_until

pytestmark = pytest.mark.short


@contextmanager
def found_after() -> Iterator[list[str]]:
    """Collect what the checker finds of that which the body leaves."""
    before = leaks.snapshot()
    found: list[str] = []
    yield found
    found += leaks.left_since(before, patience=0.1)


def test_clean_test_leaves_nothing() -> None:
    with found_after() as found:
        os.listdir("/")
    assert found == []


def test_child_is_found() -> None:
    with found_after() as found:
        child = subprocess.Popen(["sleep", "60"])
    child.kill()
    child.wait()
    assert len(found) == 1 and f"process {child.pid}" in found[0] and "sleep 60" in found[0]


def test_zombie_is_found() -> None:
    with found_after() as found:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    os.waitpid(child, 0)
    assert len(found) == 1 and f"process {child} " in found[0] and "zombie" in found[0]


@pytest.mark.parametrize("command", [None, ["sleep", "60"]], ids=["forked", "executed"])
def test_orphan_is_found(command: list[str] | None) -> None:
    with found_after() as found:
        reader, writer = os.pipe()
        if (parent := os.fork()) == 0:
            if (orphan := os.fork()) == 0:
                os.setsid()
                if command:
                    os.execvp(command[0], command)
                time.sleep(60)
            os.write(writer, str(orphan).encode())
            os._exit(0)
        os.waitpid(parent, 0)
        orphan = int(os.read(reader, 20))
        os.close(reader)
        os.close(writer)
        assert orphan not in [process.pid for process in processes.descendants()]
        wait_until(lambda: not command or processes.command(psutil.Process(orphan)) == " ".join(command))
    os.kill(orphan, signal.SIGKILL)
    wait_until(lambda: not processes.running(orphan))
    assert len(found) == 1 and f"process {orphan} " in found[0]


def test_descriptor_is_found_by_its_target() -> None:
    with found_after() as found:
        file = open(__file__)
        left, right = socket.socketpair()
    for thing in (file, left, right):
        thing.close()
    assert len(found) == 3 and any(__file__ in line for line in found)


def test_reopened_descriptor_is_found_under_its_old_number() -> None:
    number = os.open("/dev/null", os.O_RDONLY)
    with found_after() as found:
        other = os.open("/dev/zero", os.O_RDONLY)
        os.dup2(other, number)
        os.close(other)
    os.close(number)
    assert found == [f"descriptor {number} -> /dev/zero"]


def test_thread_is_found() -> None:
    ended = threading.Event()
    with found_after() as found:
        thread = threading.Thread(target=ended.wait, name="forgotten", daemon=True)
        thread.start()
    ended.set()
    thread.join()
    assert found == ["thread 'forgotten' (daemon)"]


def test_segment_is_found() -> None:
    path = Path(f"/dev/shm/test-{os.getpid()}-leaks")
    with found_after() as found:
        path.write_bytes(b"x")
    path.unlink()
    assert found == [f"segment {path}"]


def test_segment_named_after_another_process_is_not_blamed() -> None:
    path = Path(f"/dev/shm/sem.loky-{os.getppid()}-{os.getpid()}x")
    with found_after() as found:
        path.write_bytes(b"x")
    path.unlink()
    assert found == []


@pytest.mark.parametrize("another_run", [True, False])
def test_segment_that_another_run_holds_is_not_blamed(another_run: bool) -> None:
    path = Path(f"/dev/shm/test-{os.getpid()}-leaks")
    path.write_bytes(b"x")
    environ = {name: value for name, value in os.environ.items() if name != processes.MARK or not another_run}
    command = ["sh", "-c", f"tail -f {path} >/dev/null 2>&1 & echo $!"]
    holder = int(subprocess.run(command, env=environ, capture_output=True, check=True).stdout)
    try:
        wait_until(lambda: str(path) in leaks.targets(holder))
        assert leaks.is_open_elsewhere(path.name) == another_run
    finally:
        os.kill(holder, signal.SIGKILL)
        path.unlink()


def test_what_ends_by_itself_is_waited_for() -> None:
    before = leaks.snapshot()
    thread = threading.Thread(target=time.sleep, args=(0.2,))
    thread.start()
    assert leaks.left_since(before) == []


@pytest.fixture
def fake_nursery() -> Iterator[Callable[[str], tuple[subprocess.Popen[bytes], socket.socket]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-c", "import sys; sys.stdin.buffer.read()", name]
        started.append(subprocess.Popen(command, stdin=theirs))
        theirs.close()
        return started[-1], ours

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_clean_nursery_and_its_socket_may_stay(fake_nursery: Callable[..., tuple[object, socket.socket]]) -> None:
    with found_after() as found:
        _, ours = fake_nursery("procession-nursery")
    ours.close()
    assert found == []


def test_socket_of_any_other_child_may_not_stay(fake_nursery: Callable[..., tuple[object, socket.socket]]) -> None:
    with found_after() as found:
        _, ours = fake_nursery("another")
    ours.close()
    assert len(found) == 2


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no pidfd here")
def test_pidfd_of_nursery_may_stay(fake_nursery: Callable[..., tuple[subprocess.Popen[bytes], socket.socket]]) -> None:
    with found_after() as found:
        process, ours = fake_nursery("procession-nursery")
        allowed = os.pidfd_open(process.pid)
        mine = os.pidfd_open(os.getpid())
    for number in (allowed, mine):
        os.close(number)
    ours.close()
    assert found == [f"descriptor {mine} -> anon_inode:[pidfd]"]


@pytest.mark.parametrize("name", ["worker", "procession-nursery"])
def test_child_of_nursery_may_not_stay(name: str) -> None:
    sleeper = f"[sys.executable, '-c', 'import time; time.sleep(60)', {name!r}]"
    with found_after() as found:
        command = f"import subprocess, sys; subprocess.Popen({sleeper}); sys.stdin.read()"
        nursery = subprocess.Popen([sys.executable, "-c", command, "procession-nursery"], stdin=subprocess.PIPE)
        wait_until(lambda: [child for child in processes.descendants(nursery.pid) if name in processes.command(child)])
    below = processes.descendants(nursery.pid)
    processes.kill(below)
    with nursery:
        nursery.kill()
    wait_until(lambda: not any(processes.running(process.pid) for process in below))
    assert len(found) == 1 and "time.sleep(60)" in found[0]


def test_script_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    script = """
        import os, subprocess, sys, time
        print(subprocess.Popen(["sleep", "60"], start_new_session=True).pid, flush=True)
        if os.fork() == 0:
            os.setsid()
        time.sleep(60)
    """
    with pytest.raises(AssertionError, match="ran longer than 1 s") as caught:
        scripts.run_script(script, tmp_path, timeout=1)
    sleeper = int(str(caught.value).split("--- stdout\n")[1].split()[0])
    wait_until(lambda: not processes.running(sleeper))


def test_script_gives_output_and_status(run_script: Callable[..., scripts.Finished]) -> None:
    script = """
        import sys
        print(sys.stdin.read(), sys.argv[1:], sys.flags.dev_mode)
        print("bad", file=sys.stderr)
        sys.exit(3)
    """
    finished = run_script(script, flags=["-X", "dev"], arguments=["one two"], stdin="given")
    assert finished == scripts.Finished(3, "given ['one two'] True\n", "bad\n")


def test_child_that_holds_the_output_open_is_not_waited_for(run_script: Callable[..., scripts.Finished]) -> None:
    script = """
        import subprocess
        print(subprocess.Popen(["sleep", "60"]).pid)
    """
    begun = time.monotonic()
    finished = run_script(script, timeout=30)
    os.kill(int(finished.stdout), signal.SIGKILL)
    assert time.monotonic() - begun < 20
