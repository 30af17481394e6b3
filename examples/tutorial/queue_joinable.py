"""A queue that can be waited for: `JoinableQueue.join` returns when each item was reported as done."""

import sys

import procession as mp


def consume(queue, total):
    while True:
        number = queue.get()
        with total.get_lock():
            total.value += number
        queue.task_done()


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    queue = mp.JoinableQueue(maxsize=4)
    total = mp.Value("i", 0)
    for _ in range(2):
        mp.Process(target=consume, args=(queue, total), daemon=True).start()
    for number in range(20):
        queue.put(number)
    queue.join()
    print("the sum is", total.value)
