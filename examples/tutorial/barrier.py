"""A barrier: nobody begins the second step before all have ended the first."""

import sys

import procession as mp


def step(barrier, log, name):
    log.put(f"first step of {name}")
    barrier.wait()
    log.put(f"second step of {name}")


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    names = ["a", "b", "c"]
    barrier, log = mp.Barrier(len(names)), mp.SimpleQueue()
    processes = [mp.Process(target=step, args=(barrier, log, name)) for name in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    for _ in range(2):
        print(sorted(log.get() for _ in names))
