"""Lists and dictionaries inside a managed dictionary: changing them there is seen by all."""

import sys

import procession


def note(number, shared):
    shared["rows"].append(number * number)
    shared["by parity"]["even" if number % 2 == 0 else "odd"].append(number)


if __name__ == "__main__":
    if sys.argv[1:]:
        procession.set_start_method(sys.argv[1])
    with procession.Manager() as manager:
        shared = manager.dict({"rows": [], "by parity": {"even": [], "odd": []}})
        jobs = [procession.Process(target=note, args=(number, shared)) for number in range(4)]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
        print(sorted(shared["rows"]))
        print({name: sorted(numbers) for name, numbers in shared["by parity"].items()})
