"""tqdm: a bar over `imap`, its lock handed over by an initializer, and `process_map` on our executor."""

import functools
import sys
from typing import ClassVar

import client
from tqdm import tqdm
from tqdm.contrib import concurrent

import procession


class Counted(tqdm):
    """A bar that remembers how far it came."""

    reached: ClassVar[list] = []

    def close(self):
        self.reached.append(self.n)
        super().close()


def slow_square(number):
    client.witness()
    for _ in tqdm(range(3), desc=f"item {number}", position=1, leave=False):
        pass
    return number * number


def parallel(given, face):
    context = client.context(sys.argv[2])
    tqdm.set_lock((context or procession).RLock())  # a lock belongs to the processes of one start method
    if face == "pool":
        once = list(tqdm(given.imap(slow_square, range(20)), total=20))
        lock = {"initializer": tqdm.set_lock, "initargs": (tqdm.get_lock(),)}
        with procession.Pool(2, context=context, **lock) as pool:
            again = list(tqdm(pool.imap_unordered(slow_square, range(20)), total=20))
        return once, sorted(again)
    once = list(tqdm(given.map(slow_square, range(20)), total=20))
    ours = functools.partial(procession.ProcessPoolExecutor, mp_context=context)
    again = concurrent._executor_map(
        ours, slow_square, range(20), max_workers=2, lock_name="mp_lock", tqdm_class=Counted
    )
    assert 20 in Counted.reached, Counted.reached  # it counts by a `submit` of its own
    return once, again


if __name__ == "__main__":
    client.main(lambda: [[n * n for n in range(20)]] * 2, parallel)
