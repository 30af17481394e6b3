"""The executor: futures by `submit`, as they finish, and a lazy `map`."""

import sys
from concurrent.futures import as_completed, wait

from procession import set_start_method
from procession.futures import ProcessPoolExecutor


def factorise(number):
    divisor = next((divisor for divisor in range(2, number) if number % divisor == 0), number)
    return [divisor] if divisor == number else [divisor, *factorise(number // divisor)]


def fail(text):
    raise ValueError(text)


if __name__ == "__main__":
    if sys.argv[1:]:
        set_start_method(sys.argv[1])
    with ProcessPoolExecutor(max_workers=2) as executor:
        futures = {executor.submit(factorise, number): number for number in (12, 35, 97)}
        print(sorted((futures[future], future.result()) for future in as_completed(futures)))
        print(list(executor.map(factorise, [6, 8, 9])), list(executor.map(pow, [2, 3], [5, 2], timeout=30)))
        failed = executor.submit(fail, "no")
        print(wait([failed]).done == {failed}, repr(failed.exception()))
