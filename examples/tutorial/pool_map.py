"""A pool and `map`: the same function for many inputs, results in order."""

import sys

from procession import Pool, set_start_method


def square(number):
    return number * number


if __name__ == "__main__":
    if sys.argv[1:]:
        set_start_method(sys.argv[1])
    with Pool(2) as pool:
        print(pool.map(square, range(10)))
        print(pool.map(square, [0.5, 1.5], chunksize=1))
