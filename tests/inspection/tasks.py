"""What runs in workers that are looked at."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)


def wait_here(door: Path) -> str:
    end = time.monotonic() + 60
    while not door.exists() and time.monotonic() < end:
        time.sleep(0.002)
    return door.name


def wait_for_all(doors: list[Path]) -> list[str]:
    return [wait_here(door) for door in doors]


def read_in_c(path: str) -> tuple[int, int]:
    """Read a byte from a pipe by the C library itself, which knows nothing of trying again; note that it begins."""
    with open(path, "rb", buffering=0) as pipe:
        buffer = ctypes.create_string_buffer(1)
        got = LIBC.read(pipe.fileno(), buffer, 1)
        return got, ctypes.get_errno()


def hold_the_interpreter(door: Path) -> int:
    """C code that keeps the interpreter's lock."""
    door.touch()
    return ctypes.PyDLL(None).sleep(2)


def stop_oneself(door: Path) -> str:
    os.kill(os.getpid(), signal.SIGSTOP)
    return wait_here(door)


def become_another(door: Path) -> None:
    door.touch()
    os.execvp("sleep", ["sleep", "60"])


def block_all_signals(door: Path) -> str:
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
    door.with_suffix(".begun").touch()
    return wait_here(door)


def have_a_pool(door: Path) -> str:
    """A worker of a worker shows itself."""
    import io

    import procession

    with procession.Pool(1) as pool:
        result = pool.apply_async(wait_here, (door,))
        end = time.monotonic() + 20
        out = io.StringIO()
        while "in wait_here" not in out.getvalue() and time.monotonic() < end:
            procession.dump(pool, out)
        door.touch()
        result.get(30)
    return out.getvalue()


def with_a_thread(door: Path) -> str:
    thread = threading.Thread(target=wait_in_a_thread, args=(door,))
    thread.start()
    thread.join()
    return door.name


def wait_in_a_thread(door: Path) -> None:
    wait_here(door)
