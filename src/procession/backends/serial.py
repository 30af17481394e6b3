"""Workers without a thread: their items run, one after another, in the thread of whoever waits for them.

Knows: which worker has something to run.
Must not know: who waits, and for what (`engine/inline.py` does).

How it works: to the scheduler it is a backend as any other; a worker just does nothing until somebody calls `work_off`.
"""

from __future__ import annotations

from functools import partial
from queue import Empty

from procession.backends.inside import Inside, Worker


class Serial(Inside):
    """Runs what was sent when it is told to."""

    _running: Worker | None = None  # the one that some thread works for right now

    def recruit(self, worker: int) -> None:
        """Note a worker; its initializer runs with the next `work_off`."""
        self.make(worker)

    def retire(self, worker: int, end_by: float) -> None:
        """Let a worker end."""
        link = self.links.get(worker)
        if link is not None:
            self._end(link, end_by)

    def stop(self, end_by: float) -> None:
        """Let all workers end; one that runs an item, with that item."""
        for link in list(self.links.values()):
            self._end(link, end_by)

    def _end(self, link: Worker, end_by: float) -> None:
        link.end_by = end_by if link.end_by is None else min(link.end_by, end_by)
        if not link.stopping:
            link.stopping = True
            if link is not self._running:
                self._later(partial(self._bury, link))

    def work_off(self) -> BaseException | None:
        """Run all that waits, in the calling thread; one at a time may do so.

        Returns:
            Ctrl-C, if that broke it off. What it broke off counts as ended.
        """
        interrupt = None
        while interrupt is None and (link := self._next()) is not None:
            self._running = link
            try:
                interrupt = self._work(link)
            finally:
                self._running = None
                if link.stopping:
                    self._later(partial(self._bury, link))
        return interrupt

    def _next(self) -> Worker | None:
        """One that has something to do."""
        links = [link for link in list(self.links.values()) if not link.stopping]
        return next((link for link in links if not (link.begun and link.portions.empty())), None)

    def _work(self, link: Worker) -> BaseException | None:
        if not link.begun:
            self.begin(link)
            return None
        try:
            portion = link.portions.get_nowait()
        except Empty:
            return None
        return None if portion is None else self.run(link, portion)

    def _bury(self, link: Worker) -> None:
        """In the engine's thread: nobody works for this one any more."""
        if not link.closed:  # else it was given up
            if link.begun:
                link.care.end()
            with self.changed:
                link.exitcode = 0
                self.drop(link)
        link.care.current.over = True  # Ctrl-C may have struck before its thread was told to forget it
