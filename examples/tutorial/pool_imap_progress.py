"""`imap` and `imap_unordered`: results one by one, with a count of how far it is."""

import sys

import procession as mp


def cube(number):
    return number**3


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    numbers = range(100)
    with mp.Pool(2) as pool:
        for done, result in enumerate(pool.imap(cube, numbers), start=1):
            if done % 25 == 0:
                print(f"{done} of {len(numbers)} done, the last is {result}")
        print(sum(pool.imap_unordered(cube, numbers, chunksize=10)))
        results = pool.imap(cube, (2, 3))
        print(results.next(timeout=30), next(results), next(results, "no more"))
