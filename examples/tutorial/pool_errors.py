"""What goes wrong in a worker is raised where the result is asked for."""

import sys

import procession as mp


class TooBig(Exception):
    pass


def check(number):
    if number > 3:
        raise TooBig(number, "more than 3")
    return number


def wait_for(name):
    while True:
        name.upper()


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    with mp.Pool(2) as pool:
        try:
            pool.map(check, range(5), chunksize=1)
        except TooBig as error:
            print("map:", error.args)
        results = pool.imap(check, [3, 4, 1])
        while True:
            try:
                print("imap:", next(results))
            except TooBig as error:
                print("imap:", error.args)
            except StopIteration:
                break
        try:
            pool.apply_async(wait_for, ("long",)).get(timeout=0.1)
        except mp.TimeoutError:
            print("not ready in time")
