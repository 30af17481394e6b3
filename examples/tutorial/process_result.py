"""Only here: what a process returns, or raises, is asked of the process itself."""

import sys

import procession


def divide(dividend, divisor):
    return dividend / divisor


if __name__ == "__main__":
    if sys.argv[1:]:
        procession.set_start_method(sys.argv[1])
    processes = [procession.Process(target=divide, args=(1, divisor)) for divisor in (4, 2, 0)]
    for process in processes:
        process.start()
    for process in processes:
        error = process.exception(timeout=30)
        print(process.result() if error is None else repr(error))
