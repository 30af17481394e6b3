"""`apply_async`: one call at a time, its result objects kept in a list."""

import sys

import procession as mp


def power(base, exponent=2):
    return base**exponent


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    with mp.Pool(2) as pool:
        results = [pool.apply_async(power, args=(base,), kwds={"exponent": 3}) for base in range(5)]
        print([result.get(timeout=30) for result in results])
        print(pool.apply(power, (7,)))
        try:
            pool.apply_async(power, ("seven",)).get(timeout=30)
        except TypeError:
            print("a TypeError, raised in a worker")
