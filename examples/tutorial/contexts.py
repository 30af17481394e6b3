"""Contexts: a start method for one part of a program, whatever the rest of it uses."""

import sys

import procession as mp


def fill(queue, value):
    queue.put(value)


def negate(number):
    return -number


if __name__ == "__main__":
    print(sorted(mp.get_all_start_methods()))
    for method in sys.argv[1:] or mp.get_all_start_methods():
        context = mp.get_context(method)
        queue = context.Queue()
        process = context.Process(target=fill, args=(queue, 42))
        process.start()
        answer = queue.get()
        process.join()
        with context.Pool(2) as pool:
            print(answer, pool.map(negate, [1, 2]), context.get_start_method() == method)
