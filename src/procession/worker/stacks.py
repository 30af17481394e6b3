"""A worker tells its Python stack when it is asked by a signal, whatever it is doing then.

Knows: one signal, one file in memory that answers are written to.
Must not know: who asks.

How it works: `faulthandler` writes the stack from inside of the signal's handler, without the interpreter's lock, so
also while C code runs. The kernel restarts a system call that the signal interrupts (SA_RESTART). The file has no name
in any folder: who asks finds it among this process's descriptors.
"""

from __future__ import annotations

import faulthandler  # here: each worker that imported it for itself would copy some 100 pages
import os
import signal

SIGNAL = signal.SIGRTMAX - 6  # those of the middle are nobody's: C libraries count from one of the ends
FILE = "procession-stacks-{pid}"  # a worker of a worker has that one's, too


def answer() -> None:
    """Answer from now on."""
    try:
        descriptor = os.memfd_create(FILE.format(pid=os.getpid()), os.MFD_CLOEXEC)
    except OSError:
        return  # no descriptor is left: who asks will be told that nobody answers
    faulthandler.register(SIGNAL, descriptor, all_threads=True, chain=False)
