"""A lock: only one process at a time writes its three lines."""

import sys

import procession as mp


def write(lock, name):
    with lock:
        for part in ("begins", "goes on", "ends"):
            print(name, part, flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    lock = mp.Lock()
    processes = [mp.Process(target=write, args=(lock, name)) for name in ("first", "second")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
