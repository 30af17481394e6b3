"""A module as web programs have it: imported for its functions; its pool is made when it is first needed."""

import atexit
import multiprocessing

_pool = None


def get_pool():
    global _pool
    if _pool is None:
        _pool = multiprocessing.Pool(processes=2)
        atexit.register(_pool.terminate)
    return _pool


def heavy(number):
    return sum(range(number))


def handle(request):
    return {"path": request, "answer": get_pool().apply_async(heavy, (len(request) * 10,)).get(30)}
