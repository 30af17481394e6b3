"""Several arguments: `starmap` and `starmap_async`."""

import sys
from itertools import product, repeat

from procession import Pool, set_start_method


def area(width, height):
    return width * height


if __name__ == "__main__":
    if sys.argv[1:]:
        set_start_method(sys.argv[1])
    with Pool(2) as pool:
        print(pool.starmap(area, [(1, 2), (3, 4)]))
        print(pool.starmap(area, zip([5, 6, 7], repeat(10))))
        print(pool.starmap_async(area, product([1, 2], [3, 4])).get())
