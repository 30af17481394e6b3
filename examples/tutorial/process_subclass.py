"""A class of processes: what `run` does, and what is given to it."""

import sys

from procession import Process, SimpleQueue, set_start_method


class Adder(Process):
    def __init__(self, numbers, sums):
        super().__init__(name=f"adder of {len(numbers)}")
        self.numbers = numbers
        self.sums = sums

    def run(self):
        self.sums.put((self.name, sum(self.numbers)))


if __name__ == "__main__":
    if sys.argv[1:]:
        set_start_method(sys.argv[1])
    sums = SimpleQueue()
    adders = [Adder(range(size), sums) for size in (3, 30, 300)]
    for adder in adders:
        adder.start()
    for name, total in sorted(sums.get() for _ in adders):
        print(name, "gives", total)
    for adder in adders:
        adder.join()
