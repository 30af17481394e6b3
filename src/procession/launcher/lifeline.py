"""A worker ends when its nursery does: the first lines of its process.

Knows: sessions, descriptors that kill, signal dispositions.
Must not know: what the worker will do.

How it works: nursery and worker hold the two ends of a socket pair. The worker asks the kernel to send it SIGKILL
when anything happens there, and nothing ever happens there but its closing. So it dies within milliseconds of the
nursery, also while C code holds the interpreter lock. The nursery in turn ends with the parent. The signal goes to the
worker's group, so what its task has started ends too.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys

if sys.platform != "linux":
    raise ImportError(
        "procession runs workers on Linux only: elsewhere a process cannot be told to die with its parent"
    )

import fcntl  # it is not there elsewhere

# What the nursery changes for itself and a worker gets back.
TERMINAL_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
NURSERY_SIGNALS = (*TERMINAL_SIGNALS, signal.SIGTSTP, signal.SIGCONT, signal.SIGCHLD)


def pair() -> tuple[socket.socket, socket.socket]:
    """Make a lifeline: the nursery's end and the worker's."""
    return socket.socketpair()


def hold(end: socket.socket, group: bool = True) -> None:
    """Die when the other end is closed, whatever this process is doing then.

    Args:
        end: Our end.
        group: Die with all of the group, whose leader this process is.
    """
    fcntl.fcntl(end, fcntl.F_SETOWN, -os.getpid() if group else os.getpid())
    fcntl.fcntl(end, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(end, select.POLLIN)
    if poll.poll(0):  # it was closed before we asked
        os._exit(1)


def own_session() -> None:
    """Leave the terminal: Ctrl-C and its like belong to the parent, and our group can be killed as one."""
    os.setsid()


def fill_standard_descriptors() -> None:
    """Let 0, 1 and 2 lead nowhere if they are closed: what we open next must not be what somebody prints to.

    A program that is executed finds them closed as before.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def worker_signals() -> None:
    """Undo what the nursery did to signals: a worker reacts to them as any Python process does."""
    signal.set_wakeup_fd(-1)
    for number in NURSERY_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
