"""`map_async`: hand in the work, close the pool, wait, and only then fetch the results."""

import sys

import procession


def reverse(word):
    return word[::-1]


if __name__ == "__main__":
    if sys.argv[1:]:
        procession.set_start_method(sys.argv[1])
    pool = procession.Pool(processes=2)
    result = pool.map_async(reverse, ["stressed", "drawer", "live"])
    pool.close()
    pool.join()
    print(result.ready(), result.successful())
    print(result.get())
