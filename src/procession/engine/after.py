"""What follows from a step of the engine, done when the lock is free again: callbacks, results, reports of progress.

Knows: which threads do it now: a callback must not wait for the pool that calls it.
Must not know: what it is.
"""

from __future__ import annotations

import threading

from procession.engine import notices
from procession.engine.calls import After
from procession.wire.exceptions import interrupts


class Follow:
    """Does what follows, in the thread that took the step."""

    def __init__(self) -> None:
        self.threads: set[int] = set()  # those that run users' code now which must not wait for this pool

    def up(self, after: After) -> None:
        """Do all of it, whatever some of it raises.

        Raises:
            BaseException: Ctrl-C struck; all the same everybody has been told.
        """
        me = threading.get_ident()
        nested = me in self.threads
        interrupt: BaseException | None = None
        try:
            self.threads.add(me)
            for each in after:
                try:
                    each()
                except BaseException as error:
                    if interrupts(error):
                        interrupt = error
                    else:
                        notices.print_error()
        finally:  # Ctrl-C may strike between two of them
            if not nested:
                self.threads.discard(me)
        if interrupt is not None:
            raise interrupt
