"""Several producers and consumers around a JoinableQueue; each consumer ends by a pill of its own."""

import multiprocessing
import sys


class Consumer(multiprocessing.Process):
    def __init__(self, tasks, results):
        multiprocessing.Process.__init__(self)
        self.tasks = tasks
        self.results = results

    def run(self):
        while True:
            task = self.tasks.get()
            if task is None:
                self.tasks.task_done()
                break
            self.results.put(task())
            self.tasks.task_done()


class Product:
    def __init__(self, a, b):
        self.a = a
        self.b = b

    def __call__(self):
        return f"{self.a} * {self.b} = {self.a * self.b}"


def produce(tasks, first):
    for number in range(first, first + 5):
        tasks.put(Product(number, number))


if __name__ == "__main__":
    if sys.argv[1:]:
        multiprocessing.set_start_method(sys.argv[1])
    tasks = multiprocessing.JoinableQueue()
    results = multiprocessing.Queue()
    consumers = [Consumer(tasks, results) for _ in range(2)]
    for consumer in consumers:
        consumer.start()
    producers = [multiprocessing.Process(target=produce, args=(tasks, first)) for first in (0, 5)]
    for producer in producers:
        producer.start()
    for producer in producers:
        producer.join()
    for _ in consumers:
        tasks.put(None)
    tasks.join()
    print("\n".join(sorted(results.get() for _ in range(10))))
    for consumer in consumers:
        consumer.join()
    print([consumer.exitcode for consumer in consumers])
