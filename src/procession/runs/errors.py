"""What can be wrong with a journal, and with an item's key.

Knows: the facts of each error, and the exit code that the command line gives for it.
Must not know: how it came about.

The exit codes are those of the system's <sysexits.h>, so that a script can tell them from the codes of failed items.
"""

from __future__ import annotations

from procession.model.errors import ProcessionError, describe_item


class JournalError(ProcessionError):
    """The base of what can be wrong with a journal."""

    exit_code = 74


class JournalFailed(JournalError, OSError):
    """The journal could not be written or read any further; what was recorded before is kept.

    Args:
        path: The journal.
        reason: What the system said.
        hint: What to do.
    """

    facts = ("path", "reason", "hint")
    exit_code = 74  # EX_IOERR
    path: str
    reason: str
    hint: str | None

    def text(self) -> str:
        return f"journal {self.path!r}: {self.reason}; {self.hint or 'what was recorded before is kept'}"

    __str__ = text  # that of OSError knows nothing of it


class JournalHeld(JournalError):
    """Another process works on this journal.

    Args:
        path: The journal.
        pid: That process, as far as it is known.
        host: Its machine.
        since: When it began, as text.
    """

    facts = ("path", "pid", "host", "since")
    exit_code = 75  # EX_TEMPFAIL: the same command works later
    path: str
    pid: int | None
    host: str | None
    since: str | None

    def text(self) -> str:
        who = f"process {self.pid} on {self.host} since {self.since}" if self.pid else "another process"
        return f"journal {self.path!r} is held by {who}; wait until it has ended, or choose another journal="


class JournalNotUsable(JournalError):
    """A file that is no journal for this call.

    Args:
        path: The file.
        reason: What is wrong with it.
        hint: What to do.
    """

    facts = ("path", "reason", "hint")
    exit_code = 65  # EX_DATAERR
    path: str
    reason: str
    hint: str

    def text(self) -> str:
        return f"journal {self.path!r}: {self.reason}; {self.hint}"


class KeyNotPossible(ProcessionError, TypeError):
    """An item has no key by which another run would know it again.

    Args:
        index: The item's place in the input.
        item: The item's `repr`, cut.
        reason: Why not.
    """

    facts = ("index", "item", "reason")
    exit_code = 2
    index: int | None
    item: str | None
    reason: str

    def text(self) -> str:
        begin = f"{describe_item(self.index, self.item)}: " if self.index is not None else ""
        reason = f"it has no key by which a later run would know it: {self.reason}"
        return f"{begin}{reason}; give key= a function that names it"
