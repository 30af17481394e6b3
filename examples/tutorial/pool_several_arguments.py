"""Several arguments by `map`: a list of lists, a dictionary each, and `functools.partial` for what stays the same."""

import sys
from functools import partial

import procession


def total(row):
    return sum(row)


def describe(record):
    return "{name} is {age}".format(**record)


def scale(factor, number, offset=0):
    return factor * number + offset


if __name__ == "__main__":
    if sys.argv[1:]:
        procession.set_start_method(sys.argv[1])
    with procession.Pool(2) as pool:
        print(pool.map(total, [[1, 2, 3], [4, 5], []]))
        print(pool.map(describe, [{"name": "Ada", "age": 36}, {"name": "Alan", "age": 41}]))
        print(pool.map(partial(scale, 10, offset=1), range(4)))
