"""Every call of the library with the same input, each giving what became of every item.

Knows: the interfaces of the calls.
Must not know: which fault is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import procession
from tests.faults.catalogue import AT, ITEMS, Item, run, run_pair

Fates = dict[int, Any]  # value or exception of each item
Call = Callable[[procession.Pool, list[Item], Any], Fates]


def fates_of_map(call: Callable[[], Iterable[Any]]) -> Fates:
    """What became of the items of a call that raises at its end."""
    try:
        return dict(enumerate(call()))
    except BaseException as error:
        failure = procession.failure(error)
        if failure is None:
            raise
        assert failure.index == AT
        assert failure.error is error
        return {each.index: each.result if each.ok else each.error for each in failure.outcomes}


def fates_in_order(results: Iterator[Any]) -> Fates:
    """What became of the items of a call that raises in place and goes on."""
    fates: Fates = {}
    while True:
        try:
            fates[len(fates)] = next(results)
        except StopIteration:
            return fates
        except BaseException as error:
            fates[len(fates)] = error


def fates_unordered(results: Iterator[Any]) -> Fates:
    """The same where an item is known by its value, and the rest can only be the one that failed."""
    fates: Fates = {}
    for value in fates_in_order(results).values():
        index = AT if isinstance(value, BaseException) else value // 11
        assert index not in fates
        fates[index] = value
    return fates


def fates_of_singles(ask: Iterable[Callable[[], Any]]) -> Fates:
    """What became of calls of one item each."""
    fates: Fates = {}
    for index, each in enumerate(ask):
        try:
            fates[index] = each()
        except BaseException as error:
            fates[index] = error
    return fates


def by_apply(pool: procession.Pool, items: list[Item], context: Any) -> Fates:
    return fates_of_singles((lambda item=item: pool.apply(run, item)) for item in items)  # type: ignore[misc]


def by_apply_async(pool: procession.Pool, items: list[Item], context: Any) -> Fates:
    return fates_of_singles([pool.apply_async(run, item).get for item in items])


def by_submit(pool: procession.Pool, items: list[Item], context: Any) -> Fates:
    return fates_of_singles([pool.submit(run, *item).result for item in items])


def by_map(pool: procession.Pool, items: list[Item], context: Any) -> Fates:
    return fates_of_map(lambda: pool.map(run_pair, items))


def by_map_async(pool: procession.Pool, items: list[Item], context: Any) -> Fates:
    return fates_of_map(pool.map_async(run_pair, items).get)


def by_map_outcomes(pool: procession.Pool, items: list[Item], context: Any) -> Fates:
    outcomes = pool.map(run_pair, items, outcomes=True)
    return {each.index: each.result if each.ok else each.error for each in outcomes}


def by_map_in_chunks(pool: procession.Pool, items: list[Item], context: Any) -> Fates:
    return fates_of_map(lambda: pool.map(run_pair, items, 4))


def by_starmap(pool: procession.Pool, items: list[Item], context: Any) -> Fates:
    return fates_of_map(lambda: pool.starmap(run, items))


def by_starmap_async(pool: procession.Pool, items: list[Item], context: Any) -> Fates:
    return fates_of_map(pool.starmap_async(run, items).get)


def by_imap(pool: procession.Pool, items: list[Item], context: Any) -> Fates:
    return fates_in_order(pool.imap(run_pair, iter(items)))


def by_imap_unordered(pool: procession.Pool, items: list[Item], context: Any) -> Fates:
    return fates_unordered(pool.imap_unordered(run_pair, iter(items)))


def by_function_map(pool: procession.Pool, items: list[Item], context: Any) -> Fates:
    return fates_of_map(lambda: procession.map(run_pair, items, processes=2, context=context))


def by_function_stream(pool: procession.Pool, items: list[Item], context: Any) -> Fates:
    return fates_in_order(procession.stream(run_pair, iter(items), processes=2, context=context))


BASIC: list[Call] = [by_map, by_imap_unordered, by_submit]
ALL: list[Call] = [
    by_apply,
    by_apply_async,
    by_map,
    by_map_async,
    by_map_outcomes,
    by_map_in_chunks,
    by_imap,
    by_imap_unordered,
    by_starmap,
    by_starmap_async,
    by_submit,
    by_function_map,
    by_function_stream,
]
ONE_ITEM_EACH = (by_apply, by_apply_async, by_submit)
assert ITEMS > AT
