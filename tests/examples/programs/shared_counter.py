"""A counter in shared memory: raised by processes, and by a pool that has it and its lock from the initializer."""

import multiprocessing as mp
import sys
from multiprocessing import Lock, Pool, Value


def init(shared_counter, shared_lock):
    global counter, lock
    counter = shared_counter
    lock = shared_lock


def task(number):
    with lock:
        counter.value += number
    return counter.value >= number


def count(counter, times):
    for _ in range(times):
        with counter.get_lock():
            counter.value += 1


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    counter, lock = Value("i", 0), Lock()
    with Pool(3, initializer=init, initargs=(counter, lock)) as pool:
        print(all(pool.imap_unordered(task, range(100), chunksize=7)))
        pool.close()
        pool.join()
    print(counter.value)
    processes = [mp.Process(target=count, args=(counter, 50)) for _ in range(3)]
    [process.start() for process in processes]
    [process.join() for process in processes]
    print(counter.value)
