"""A counter that several processes raise: `Value`, and the lock without which additions are lost."""

import sys

import procession as mp


def count(counter, lock, times):
    for _ in range(times):
        with lock:
            counter.value += 1


def count_with_own_lock(counter, times):
    for _ in range(times):
        with counter.get_lock():
            counter.value += 1


def run(target, *args):
    processes = [mp.Process(target=target, args=args) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    counter = mp.Value("i", 0, lock=False)
    run(count, counter, mp.Lock(), 200)
    print(counter.value)
    counter = mp.Value("d", 0.5)
    run(count_with_own_lock, counter, 100)
    print(counter.value)
