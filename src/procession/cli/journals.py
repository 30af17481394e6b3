"""Which journal a run of the command line is kept in.

Knows: the state folder, the names of runs, what a session leaves in its journal for `resume`.
Must not know: what a journal holds beside that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from procession.cli import options

if TYPE_CHECKING:
    from procession.runs.live import LiveRun

NONE = "none"


class Journal(NamedTuple):
    """A run's journal.

    Args:
        name: The run's name; the file's, where that was chosen.
        path: The file.
    """

    name: str
    path: str

    def hint(self, failed: int, left: int) -> str:
        """Say how it goes on."""
        parts = [f"procession resume {self.name} does what is left"] if left else []
        if failed:
            parts.append(f"procession retry {self.name} tries the failed ones again")
        parts.append(f"procession report {self.name} tells more")
        return "; ".join(parts)


def choose(command: str, how: options.RunOptions) -> Journal | None:
    """Choose the journal of a new run; None: it has none."""
    return None


def live(
    journal: Journal,
    function: Callable[[Any], Any],
    items: Iterator[Any],
    *,
    name: str,
    source: str | None,
    key: Callable[[Any], str] | None,
    how: options.RunOptions,
    facts: dict[str, Any],
    chosen: dict[str, Any],
) -> LiveRun[Any]:
    """Make the run of a journal; it begins when it is entered.

    Args:
        journal: The journal.
        function: What runs on each item.
        items: The items.
        name: The function's name in the journal.
        source: A text that changes when the function does.
        key: Gives an item's key.
        how: What was asked.
        facts: What is kept of this session beside what was asked.
        chosen: The options of the stream.
    """
    from procession.runs.live import LiveRun

    return LiveRun(
        journal.path,
        function,
        items,
        facts=facts,
        key=key,
        ordered=how.ordered,
        rerun_changed=how.rerun_changed,
        name=name,
        source=source,
        options=chosen,
    )
