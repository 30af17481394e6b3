"""A task that takes modules away does no harm to items that come later."""

from __future__ import annotations

import os
import sys
from decimal import Decimal

import pytest

import procession

pytestmark = pytest.mark.limit(30)


def clear_modules(item: int) -> int:
    sys.modules.clear()
    return item


def clear_modules_and_raise(item: int) -> int:
    sys.modules.clear()
    raise ValueError(item)


def next_number(item: Decimal) -> Decimal:
    return item + 1


def remove_json(item: object) -> bool:
    sys.modules.pop("json", None)
    return "json" in sys.modules


def has_json(item: object) -> bool:
    return "json" in sys.modules


def test_later_items_work_after_a_task_has_cleared_sys_modules() -> None:
    with procession.Pool(1) as pool:
        pid = pool.apply(os.getpid)
        for _ in range(3):
            assert pool.apply(clear_modules, (3,)) == 3
            with pytest.raises(ValueError, match="7") as caught:
                pool.apply(clear_modules_and_raise, (7,))
            assert "raise ValueError(item)" in str(caught.value.__cause__)
            assert pool.map(next_number, [Decimal(1), Decimal(2)]) == [2, 3]
        assert pool.apply(os.getpid) == pid


def test_module_that_a_task_removed_stays_removed() -> None:
    import json

    assert json
    with procession.Pool(1) as pool:
        assert pool.map(has_json, [1]) == [True]
        assert pool.map(remove_json, [1]) == [False]
        assert pool.map(has_json, [1]) == [False]
