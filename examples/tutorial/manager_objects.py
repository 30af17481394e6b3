"""What a manager holds for others: lists, namespaces, queues, locks; also for the workers of a pool."""

import sys

import procession as mp


def record(number, rows, totals, lock, queue):
    rows.append(number * number)
    with lock:
        totals.sum += number
    queue.put(number)


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    with mp.Manager() as manager:
        rows, totals, lock, queue = manager.list(), manager.Namespace(), manager.Lock(), manager.Queue()
        totals.sum = 0
        with mp.Pool(2) as pool:
            pool.starmap(record, [(number, rows, totals, lock, queue) for number in range(5)])
        print(sorted(rows), totals.sum, sorted(queue.get() for _ in range(5)))
