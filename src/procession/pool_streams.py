"""The calls of a pool whose results come one after another: `imap`, `imap_unordered`.

Knows: their names, signatures and promises, as multiprocessing.pool has them.
Must not know: how items reach workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from procession.engine.engine import Engine
from procession.intake import Intake, with_keywords
from procession.model.light import TYPE_CHECKING, Any, Literal, TypeVar, overload
from procession.model.task import Style
from procession.results import ResultIterator

if TYPE_CHECKING:
    from typing import Unpack

    from procession.model.outcome import Outcome
    from procession.model.policy import ItemOptions

T = TypeVar("T")
R = TypeVar("R")

Keywords = Mapping[str, Any] | None


class PoolStreams:
    """What a pool does with items whose results are taken one by one."""

    _engine: Engine
    _intake: Intake

    @overload
    def imap(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        **options: Unpack[ItemOptions],
    ) -> ResultIterator[R]: ...
    @overload
    def imap(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        *,
        outcomes: Literal[True],
        **options: Unpack[ItemOptions],
    ) -> ResultIterator[Outcome[R]]: ...
    @overload
    def imap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        *,
        kwargs: Mapping[str, Any],
        **options: Unpack[ItemOptions],
    ) -> ResultIterator[R]: ...
    @overload
    def imap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        *,
        kwargs: Mapping[str, Any],
        outcomes: Literal[True],
        **options: Unpack[ItemOptions],
    ) -> ResultIterator[Outcome[R]]: ...
    def imap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        *,
        kwargs: Keywords = None,
        outcomes: bool = False,
        **options: Unpack[ItemOptions],
    ) -> Any:
        """Call `func` on the items; return an iterator over the results, in order.

        The input is read only as far ahead as the workers need; unread results are bounded too. An item that failed
        raises at its place; the next `next()` goes on. The arguments are those of `map`.
        """
        return self.iterate(Style.CALL, func, iterable, chunksize, True, kwargs, outcomes, options)

    @overload
    def imap_unordered(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        **options: Unpack[ItemOptions],
    ) -> ResultIterator[R]: ...
    @overload
    def imap_unordered(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        *,
        outcomes: Literal[True],
        **options: Unpack[ItemOptions],
    ) -> ResultIterator[Outcome[R]]: ...
    @overload
    def imap_unordered(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        *,
        kwargs: Mapping[str, Any],
        **options: Unpack[ItemOptions],
    ) -> ResultIterator[R]: ...
    @overload
    def imap_unordered(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        *,
        kwargs: Mapping[str, Any],
        outcomes: Literal[True],
        **options: Unpack[ItemOptions],
    ) -> ResultIterator[Outcome[R]]: ...
    def imap_unordered(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        *,
        kwargs: Keywords = None,
        outcomes: bool = False,
        **options: Unpack[ItemOptions],
    ) -> Any:
        """As `imap`, but the results come as they finish."""
        return self.iterate(Style.CALL, func, iterable, chunksize, False, kwargs, outcomes, options)

    def iterate(
        self,
        style: Style,
        func: Callable[..., Any],
        iterable: Iterable[Any],
        chunksize: int | None,
        ordered: bool,
        kwargs: Keywords,
        outcomes: bool,
        policy: Any = None,
    ) -> Any:
        """What `imap` and `imap_unordered` are made of, for other faces."""
        func = with_keywords(func, kwargs)
        return self._intake.stream(self, func, iterable, chunksize, ordered, outcomes, style, policy)
