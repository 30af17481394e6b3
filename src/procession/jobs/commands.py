"""Run one command in a worker, and give what it wrote.

Knows: how a program is started and waited for, and where its output goes.
Must not know: where the output is shown, or who reads the inputs.

Output goes to files without a name, not to pipes: nobody has to read them while the command runs, a program that is
left in the background holds up nobody, and every item has files of its own, so nothing is interleaved. What is small
comes back as bytes; what is large gets a name in a folder of the run, and only that name comes back.

A command stays in the session and the group of its worker, so whatever ends the worker (Ctrl-C, a time limit, the death
of the parent) ends the command with all that it has started.
"""

from __future__ import annotations

import os
import signal
import time
from typing import NamedTuple

import procession.worker
from procession.jobs import command_outputs as outputs
from procession.jobs.command_errors import CommandFailed, CommandNotStarted
from procession.jobs.command_outputs import Output
from procession.jobs.templates import Job, Template

_TAIL_BYTES = 2000  # of standard error, for the message
_TAIL_LINES = 3
_TERM_SECONDS = 0.5  # what a command may take to end by itself, when its item was stopped
_CANNOT_CATCH = (signal.SIGPIPE, signal.SIGXFSZ)  # Python ignores them, programs must not
_environment: dict[bytes, bytes] = {}  # as bytes: to encode it anew for each item costs 20 µs


class Plan(NamedTuple):
    """What is run for each item, the same for all.

    Args:
        template: The command.
        program: The path of the program, where it is the same for all items and has been looked up.
        folder: Where large outputs are put.
        results: Where the output of each item is kept, or None.
        lasting: Large outputs must outlast this run, and a power cut.
    """

    template: Template
    program: str | None
    folder: str
    results: str | None
    lasting: bool = False


class Ended(NamedTuple):
    """How a command ended.

    Args:
        began: When it began, as `time.time`.
        seconds: How long it ran.
        exitcode: Its exit status; negative: the number of the signal that ended it.
        slot: The number of the place where it ran, from 1.
        stdout: What it wrote there; a text: the file that holds it.
        stderr: The same of standard error.
    """

    began: float
    seconds: float
    exitcode: int
    slot: int
    stdout: bytes | str
    stderr: bytes | str


def run(plan: Plan, job: Job) -> Ended:
    """Run the command of one item.

    Args:
        plan: What is run.
        job: The item.

    Raises:
        CommandFailed: Its exit status is not 0; has all that it wrote.
        CommandNotStarted: The system refused.
    """
    slot = (procession.worker.id or 0) + 1
    words = plan.template.fill(job, slot)
    stdout, stderr = outputs.open_both(plan.folder, plan.results, job)
    try:
        began = time.time()
        start = time.perf_counter()
        try:
            pid = _start(plan.program, words, stdout, stderr)
        except (OSError, ValueError) as error:  # not there, not executable, too long; a NUL byte in a value
            reason = getattr(error, "strerror", None) or str(error)
            raise CommandNotStarted(command=plan.template.text(job, slot), reason=reason) from None
        exitcode = _wait(pid)
        seconds = time.perf_counter() - start
        ended = Ended(began, seconds, exitcode, slot, stdout.take(plan.lasting), stderr.take(plan.lasting))
        if plan.results is not None:
            outputs.write_exit(plan.results, job, exitcode)
    finally:
        stdout.close()
        stderr.close()
    if exitcode:
        raise CommandFailed(
            command=plan.template.text(job, slot), exitcode=exitcode, stderr=_tail(ended.stderr), ended=ended
        )
    return ended


def _start(program: str | None, words: list[str], stdout: Output, stderr: Output) -> int:
    if not _environment:
        _environment.update(os.environb)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, stdout.descriptor, 1),
        (os.POSIX_SPAWN_DUP2, stderr.descriptor, 2),
    ]
    if program is None:
        return os.posix_spawnp(words[0], words, _environment, file_actions=actions, setsigdef=_CANNOT_CATCH)
    return os.posix_spawn(program, words, _environment, file_actions=actions, setsigdef=_CANNOT_CATCH)


def _wait(pid: int) -> int:
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except BaseException:  # the item was told to stop
        _stop(pid)
        raise


def _stop(pid: int) -> None:
    """End a command whose item is over: politely, then not."""
    deadline = time.monotonic() + _TERM_SECONDS
    try:
        os.kill(pid, signal.SIGTERM)
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return
            time.sleep(0.01)
    except (ProcessLookupError, ChildProcessError):
        pass  # it has ended


def _tail(stderr: bytes | str) -> str:
    """Give the last lines."""
    if isinstance(stderr, bytes):
        data = stderr[-_TAIL_BYTES:]
    else:
        with open(stderr, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            data = file.read()
    lines = data.decode("utf-8", "replace").split("\n")
    return "\n".join([line.strip() for line in lines if line.strip()][-_TAIL_LINES:])
