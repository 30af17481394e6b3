"""A queue between processes: producers put, a consumer gets until each has said that it ended."""

import sys

from procession import Process, Queue, set_start_method


def produce(queue, first, count):
    for number in range(first, first + count):
        queue.put(number)
    queue.put(None)


if __name__ == "__main__":
    if sys.argv[1:]:
        set_start_method(sys.argv[1])
    queue = Queue()
    producers = [Process(target=produce, args=(queue, first, 5)) for first in (0, 100, 200)]
    for producer in producers:
        producer.start()
    numbers, running = [], len(producers)
    while running:
        number = queue.get()
        if number is None:
            running -= 1
        else:
            numbers.append(number)
    for producer in producers:
        producer.join()
    print(sorted(numbers), queue.empty())
