"""Records of all processes through one queue to a listener of the parent; the package's own logger on stderr."""

import logging
import logging.handlers
import multiprocessing
import sys


def listen(queue):
    while True:
        record = queue.get()
        if record is None:
            break
        print(record.name, record.levelname, record.getMessage())


def configure(queue):
    root = logging.getLogger()
    root.handlers = [logging.handlers.QueueHandler(queue)]
    root.setLevel(logging.DEBUG)


def work(number):
    logging.getLogger("pool.task").info("task %d", number)
    return number


def run(queue, number):
    configure(queue)
    logging.getLogger(f"process.{number}").warning("begins")


if __name__ == "__main__":
    if sys.argv[1:]:
        multiprocessing.set_start_method(sys.argv[1])
    multiprocessing.log_to_stderr().setLevel(logging.ERROR)
    queue = multiprocessing.Queue(-1)
    listener = multiprocessing.Process(target=listen, args=(queue,))
    listener.start()
    processes = [multiprocessing.Process(target=run, args=(queue, number)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    pool = multiprocessing.Pool(2, configure, (queue,))
    numbers = pool.map(work, range(4))
    pool.close()
    pool.join()
    queue.put(None)
    listener.join()
    print(numbers)
