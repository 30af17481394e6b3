"""Workers of one's own making: a queue of tasks, a queue of results, a sentinel for each worker."""

import sys

import procession as mp


def work(tasks, results):
    for index, text in iter(tasks.get, "STOP"):
        results.put((index, text.upper()))


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    tasks, results = mp.Queue(), mp.Queue()
    workers = [mp.Process(target=work, args=(tasks, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    words = ["some", "words", "to", "shout"]
    for task in enumerate(words):
        tasks.put(task)
    for _ in workers:
        tasks.put("STOP")
    print([text for _, text in sorted(results.get() for _ in words)])
    for worker in workers:
        worker.join()
