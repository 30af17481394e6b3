"""Workers that are threads of this process.

Knows: one thread for each worker, how it begins and ends.
Must not know: calls, order, what an outcome is worth.

How it works: each thread waits for portions, runs them and tells their outcomes itself, under the engine's lock: no
second thread is woken for it, which could wait for the interpreter as long as others compute. A thread cannot be
killed: at the end of the pool one that runs an item is given half a second and then given up. It is a daemon, so that
it holds up nobody's exit.
"""

from __future__ import annotations

import threading

from procession.backends.base import Gone
from procession.backends.calling import end_forked
from procession.backends.inside import Inside, Worker
from procession.model.errors import StartFailed

TOO_MANY_THREADS = "too many threads: raise the limit (ulimit -u), or use fewer workers"


class Threads(Inside):
    """Starts, feeds and hears worker threads."""

    def recruit(self, worker: int) -> None:
        """Start a thread.

        Raises:
            StartFailed: The system refused it.
        """
        link = self.make(worker)
        thread = threading.Thread(target=self._live, args=(link,), name=link.name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self.drop(link)
            raise StartFailed(reason=str(error), hint=TOO_MANY_THREADS) from error

    def retire(self, worker: int, end_by: float) -> None:
        """Let an idle thread end."""
        link = self.links.get(worker)
        if link is not None:
            link.end_by = end_by
            link.portions.put(None)

    def stop(self, end_by: float) -> None:
        """Let all threads end with the item that they run."""
        for link in self.links.values():
            link.stopping = True
            link.end_by = end_by if link.end_by is None else min(link.end_by, end_by)
            link.portions.put(None)

    # In the worker's thread.

    def _live(self, link: Worker) -> None:
        self.users.add(threading.get_ident())
        try:
            if self.begin(link):
                while self._serve(link):
                    pass
                link.care.end()
                end_forked(self._pid, None)
        finally:
            thread = threading.current_thread()
            self.users.discard(threading.get_ident())
            self._later(lambda: self._bury(link, thread))

    def _serve(self, link: Worker) -> bool:
        """Run the next portion; False if there is none any more."""
        portion = link.portions.get()
        if portion is None or link.stopping:
            return False
        self.run(link, portion)
        return not link.stopping

    # In the engine's thread.

    def _bury(self, link: Worker, thread: threading.Thread) -> None:
        thread.join()  # that was its last word
        if not link.closed:
            link.exitcode = 0
            self._tell([self._gone(link)])

    def _gone(self, link: Worker) -> Gone:
        with self.changed:
            return self.drop(link)
