"""What runs in the other process. Tasks ask here: `worker.state`, `id`, `item`, `seed`, `rng()`."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from procession.worker.current import State

    state: State  # what this worker keeps from one item to the next
    id: int | None  # its number, from 0; None outside of workers
    item: int | None  # the index of the running item; None while none runs
    seed: int | None  # what the running item's random numbers begin with, where the pool has a seed

    def rng() -> Any: ...  # a generator of numpy's, the running item's own where the pool has a seed


_NAMES = ("state", "id", "item", "seed", "rng")


def __getattr__(name: str) -> object:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from procession.worker import current

    return current.STATE if name == "state" else getattr(current.get(), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
