"""Where journals live that nobody has given a path, what they are called, and when they are taken away.

Knows: the user's state folder, short names, the ages of files.
Must not know: what is in a journal, but for whether it is held.

The rule: when a run begins, journals of the state folder go that nobody holds and nobody has touched for 90 days, but
never the 20 that were touched last. Journals elsewhere are never taken away.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from hashlib import blake2b
from os import PathLike
from typing import Any, NamedTuple

from procession.runs.errors import JournalError, JournalFailed, JournalNotUsable
from procession.runs.lock import Lock, is_held
from procession.runs.source import name_of

KEEP_DAYS = 90
KEEP_LATEST = 20
SUFFIX = ".db"
_BESIDE = ("", "-wal", "-shm")
_SHORT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_LONGEST = 40  # characters of a name that is made of a label


class RunPlace(NamedTuple):
    """A journal of the state folder.

    Args:
        name: Its short name.
        path: The file.
        touched: When it was written last, in seconds since 1970.
    """

    name: str
    path: str
    touched: float


def state_folder() -> str:
    """Give the folder of journals: PROCESSION_STATE, or `procession` in the user's state folder (XDG_STATE_HOME)."""
    own = os.environ.get("PROCESSION_STATE")
    if own:
        return os.path.abspath(os.path.expanduser(own))
    base = os.environ.get("XDG_STATE_HOME") or ""
    if not os.path.isabs(base):  # as the specification says: others are ignored
        base = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "procession")


def name_for(label: str, *identity: str) -> str:
    """Make a short name: the same for the same label and identity.

    Args:
        label: What a reader knows it by: a function, a command.
        identity: What tells it from others of that label: a file, a folder, a command line.
    """
    digest = blake2b("\0".join((label, *identity)).encode("utf-8", "surrogateescape"), digest_size=3).hexdigest()
    clean = re.sub(r"[^A-Za-z0-9_]+", "-", label).strip("-")[-_LONGEST:].strip("-") or "run"
    return f"{clean}-{digest}"


def name_of_call(function: Callable[..., Any]) -> str:
    """Make the short name of the runs of a function: from its name, its file and the present folder."""
    code = getattr(function, "__code__", None)
    name = name_of(function)
    return name_for(name.rpartition(".")[2], name, getattr(code, "co_filename", ""), os.getcwd())


def path_of(name: str) -> str:
    """Give the path of the journal with a short name."""
    return os.path.join(state_folder(), name + SUFFIX)


def place_of(journal: str | PathLike[str]) -> str:
    """Give the path for `journal=`: a text of letters, digits, `-` and `_` is a short name, all else is a path."""
    text = os.fsdecode(journal)
    return path_of(text) if isinstance(journal, str) and _SHORT.fullmatch(text) else text


def prepared(journal: str | PathLike[str]) -> str:
    """Give the path for `journal=`; make the state folder if it is to be made there, and take away what is old.

    Raises:
        JournalFailed: It cannot be made.
    """
    path, folder = place_of(journal), state_folder()
    if os.path.dirname(os.path.abspath(path)) != folder:
        return path
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)  # it says what somebody works on
    except OSError as error:
        hint = "set PROCESSION_STATE to a folder that can be written to, or choose journal="
        raise JournalFailed(path=path, reason=f"{folder!r}: {error.strerror}", hint=hint) from error
    if not os.path.exists(path):
        prune()
    return path


def listing() -> list[RunPlace]:
    """Give the journals of the state folder, the last one first."""
    found = []
    try:
        entries = list(os.scandir(state_folder()))
    except OSError:
        return []
    for entry in entries:
        if entry.name.endswith(SUFFIX):
            try:
                touched = max(_touched(entry.path), _touched(entry.path + "-wal"))
            except OSError:
                continue  # it was taken away meanwhile
            found.append(RunPlace(entry.name.removesuffix(SUFFIX), entry.path, touched))
    return sorted(found, key=lambda each: (-each.touched, each.name))


def _touched(path: str) -> float:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        if path.endswith("-wal"):
            return 0.0
        raise
    if path.endswith("-wal") and not status.st_size:
        return 0.0  # who only reads makes an empty log
    return status.st_mtime


def find(name: str | PathLike[str] | None = None) -> str:
    """Give the path of a journal that is there.

    Args:
        name: A short name, the begin of one, or a path. None: the one of the state folder that was written last.

    Raises:
        JournalNotUsable: There is none, or several begin so.
    """
    if name is None:
        runs = listing()
        if not runs:
            raise JournalNotUsable(path=state_folder(), reason="there are no runs", hint="begin one")
        return runs[0].path
    path = place_of(name)
    if os.path.exists(path):
        return path
    begin = os.fsdecode(name)
    matches = [each for each in listing() if each.name.startswith(begin)]
    if len(matches) == 1:
        return matches[0].path
    if matches:
        reason = f"several runs begin so: {', '.join(each.name for each in matches[:5])}"
        raise JournalNotUsable(path=begin, reason=reason, hint="give more of the name")
    raise JournalNotUsable(path=begin, reason="there is no such run", hint="`procession runs` lists those there are")


def prune(now: float | None = None) -> list[str]:
    """Take away old journals of the state folder, by the rule above; give their names.

    Args:
        now: Seconds since 1970; None: what the clock says.
    """
    oldest = (time.time() if now is None else now) - KEEP_DAYS * 86_400
    gone = []
    for each in listing()[KEEP_LATEST:]:
        if each.touched < oldest and not is_held(each.path) and remove(each.path):
            gone.append(each.name)
    return gone


def remove(path: str) -> bool:
    """Take a journal away, with all that stands beside it; False if somebody works on it."""
    try:
        lock = Lock(path)  # who begins with it now would lose what it does
    except JournalError:
        return False
    try:
        for end in _BESIDE:
            try:
                os.unlink(path + end)
            except OSError:
                pass  # it is not there
        shutil.rmtree(path + ".d", ignore_errors=True)
    finally:
        lock.release()  # takes its file away
    return True
