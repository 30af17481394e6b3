"""What `procession.stream` gives back: results one after another, and how the rest of them is stopped.

Knows: that its workers end with it.
Must not know: how outcomes come about.
"""

from __future__ import annotations

from collections.abc import Iterator

from procession.model.light import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from procession.pool import Pool
    from procession.results import ResultIterator

R = TypeVar("R")


class Stream(Iterator[R]):
    """The results of `stream`; its workers end with it: at its end, by `close`, at the end of a `with`, or when it is
    forgotten."""

    def __init__(self, pool: Pool, results: ResultIterator[R]) -> None:
        self._pool = pool
        self._results = results
        self._next = results.__next__

    def __next__(self) -> R:
        try:
            return self._next()
        except StopIteration:
            self._finish()
            raise
        except KeyboardInterrupt:
            self.close()
            raise

    def next(self, timeout: float | None = None) -> R:
        """Return the next result.

        Args:
            timeout: Seconds to wait for it; None: until it comes.

        Raises:
            StopIteration: There is none.
            TimeoutError: It did not come in time; ask again.
            BaseException: What the item ended with; the next call gives the next item's.
        """
        try:
            return self._results.next(timeout)
        except StopIteration:
            self._finish()
            raise
        except KeyboardInterrupt:
            self.close()
            raise

    def _finish(self) -> None:
        self._pool.close()
        self._pool.join()

    def stop(self, now: bool = False, reason: str = "stop() was called") -> None:
        """Let nothing more begin. What runs ends by itself and comes as usual; what was read and is not run comes as
        an outcome (without `outcomes=True`: as an error) `NotRun`; then the stream ends. From any thread, also from a
        signal handler.

        Args:
            now: What runs is ended, too.
            reason: What `NotRun` says.
        """
        self._results.stop(now, reason)

    def cancel(self, index: int) -> None:
        """Let one item not be run, or end it with all that it has started: it comes as `NotRun`. No other item is
        affected; one that has ended stays as it is.

        Args:
            index: The item's place in the input, from 0.
        """
        self._results.drop(index)

    def close(self) -> None:
        """End now; what runs is ended."""
        self._pool.terminate()

    def __enter__(self) -> Stream[R]:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        pool = getattr(self, "_pool", None)
        if pool is not None:
            pool.forget()
