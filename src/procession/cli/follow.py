"""From the iterator of outcomes to an exit code: the loop that all commands share.

Knows: outcomes, the tally, the display, how a run can end.
Must not know: what the items are.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any

from procession.cli import main
from procession.cli.display import Display
from procession.cli.report import Tally, message_of
from procession.model.errors import ProcessionError
from procession.model.outcome import Outcome

Take = Callable[[Any], None]
Name = Callable[[Any], str]


def follow(
    outcomes: Iterator[Outcome[Any]], tally: Tally, display: Display, *, take: Take, name: Name, keep_going: bool
) -> int:
    """Take outcomes until there are no more, and give the exit code.

    Args:
        outcomes: What `procession.stream(..., outcomes=True)` gave; it is closed, which ends its workers.
        tally: Counts them.
        display: Shows the count.
        take: Gets each result.
        name: Gives an item's name.
        keep_going: Go on after a failed item.
    """
    try:
        with closing(_closable(outcomes)), display:
            _take_all(outcomes, tally, display, take, name, keep_going)
    except KeyboardInterrupt as interrupt:
        tally.interrupted = True
        return main.status_of(interrupt)
    except BrokenPipeError:
        return main.CLOSED_OUTPUT
    except (ProcessionError, OSError) as error:  # no item's fault: no worker could be started, the input broke off
        tally.stopped = f"{type(error).__name__}: {message_of(error)}"
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
        display.step()


def _closable(outcomes: Iterator[Outcome[Any]]) -> Generator[Outcome[Any]]:
    return outcomes  # type: ignore[return-value]  # stream promises close(), as a generator has it
