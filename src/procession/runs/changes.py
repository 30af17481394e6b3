"""Whether what a journal holds comes from the function that is run now.

Knows: the function's name and source, then and now.
Must not know: what is done about it.
"""

from __future__ import annotations

from procession.runs.errors import JournalNotUsable
from procession.runs.journal import Journal


def stale_sessions(journal: Journal, name: str, source: str, *, may_be_another: bool) -> frozenset[int]:
    """Give the sessions that had another source, and note the function's name.

    Args:
        journal: Open.
        name: The function's name.
        source: A text that changes when it does.
        may_be_another: The journal may be of a function of another name.

    Raises:
        JournalNotUsable: It is, and must not be.
    """
    known = journal.fact("function")
    if known not in (None, name) and not may_be_another:
        hint = f"choose another journal= for {name}, or rerun_changed=True to run all with it"
        raise JournalNotUsable(path=journal.path, reason=f"it is of the function {known}", hint=hint)
    if known != name:
        journal.note(function=name)
    return frozenset(number for number, then in journal.sources().items() if then != source or known != name)


def any_item_of(journal: Journal, sessions: frozenset[int]) -> bool:
    """Say whether an item ended in one of these sessions."""
    marks = ", ".join(map(str, sessions))
    return bool(sessions and journal.ask(f"SELECT 1 FROM items WHERE session IN ({marks}) LIMIT 1"))
