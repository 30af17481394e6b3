"""Callbacks: collect results, and errors, in the main process as they come."""

import sys

import procession as mp

collected = []
failed = []


def invert(number):
    return 1 / number


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    pool = mp.Pool(2)
    for number in (0, 1, 2, 4):
        pool.apply_async(invert, (number,), callback=collected.append, error_callback=failed.append)
    pool.close()
    pool.join()
    print(sorted(collected))
    print([type(error).__name__ for error in failed])
