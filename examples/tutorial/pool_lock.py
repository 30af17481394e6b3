"""A lock for the workers of a pool: it travels by the initializer, not as an argument."""

import os
import sys
import tempfile

import procession as mp


def prepare(shared_lock):
    global lock
    lock = shared_lock


def append(job):
    path, number = job
    with lock, open(path, "r+") as file:
        count = int(file.read() or 0)
        file.seek(0)
        file.write(str(count + number))


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    handle, path = tempfile.mkstemp()
    os.close(handle)
    with mp.Pool(3, initializer=prepare, initargs=(mp.Lock(),)) as pool:
        pool.map(append, [(path, number) for number in range(200)])
    with open(path) as file:
        print("no addition was lost:", file.read())
    os.remove(path)
