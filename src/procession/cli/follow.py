"""From the iterator of outcomes to an exit code: the loop that all commands share.

Knows: outcomes, the tally, the display, how a run can end.
Must not know: what the items are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from procession.cli import main
from procession.cli.display import Display
from procession.cli.output import OutputClosed
from procession.cli.report import Tally, message_of
from procession.model.errors import ProcessionError
from procession.model.outcome import Outcome

if TYPE_CHECKING:
    from procession import Stream

    Start = Callable[[], Stream[Outcome[Any]]]
Take = Callable[[Any], None]
Name = Callable[[Any], str]


def follow(start: Start, tally: Tally, display: Display, *, take: Take, name: Name, keep_going: bool) -> int:
    """Take outcomes until there are no more, and give the exit code.

    Args:
        start: Calls `procession.stream(..., outcomes=True)`; what it gives is closed, which ends its workers.
        tally: Counts them.
        display: Shows the count.
        take: Gets each result.
        name: Gives an item's name.
        keep_going: Go on after a failed item.
    """
    try:
        with closing(start()) as outcomes, display:
            _take_all(outcomes, tally, display, take, name, keep_going)
    except OutputClosed:
        return main.CLOSED_OUTPUT
    except (KeyboardInterrupt, ProcessionError, OSError) as error:
        number = main.received()
        if number is not None:  # whatever it became on its way
            tally.interrupted = True
            return main.status_of(number)
        tally.stopped = (
            f"{type(error).__name__}: {message_of(error)}"  # no worker could be started, the input broke off
        )
        return main.FAILED
    return main.FAILED if tally.failed else main.OK


def _take_all(
    outcomes: Iterator[Outcome[Any]], tally: Tally, display: Display, take: Take, name: Name, keep_going: bool
) -> None:
    for outcome in outcomes:
        if outcome.error is None:
            take(outcome.result)
            tally.done += 1
        else:
            tally.fail(outcome.index, name(outcome.item), outcome.error)
            if not keep_going:
                return
        if main.received() is not None:
            raise KeyboardInterrupt  # it got lost where nothing may be raised
        display.step()
