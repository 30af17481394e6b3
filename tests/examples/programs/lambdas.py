"""Lambdas, closures and inner functions as targets and as tasks: with the standard library, partly and under fork."""

import multiprocessing
import sys


def main():
    queue, factor = multiprocessing.Queue(), 5

    def inner(number):
        queue.put(number * factor)

    processes = [
        multiprocessing.Process(target=lambda: queue.put(factor)),
        multiprocessing.Process(target=inner, args=(3,)),
    ]
    for process in processes:
        process.start()
    print(sorted(queue.get() for _ in processes))
    for process in processes:
        process.join()
    print([process.exitcode for process in processes])


if __name__ == "__main__":
    if sys.argv[1:]:
        multiprocessing.set_start_method(sys.argv[1])
    main()
