"""The package's own log, and one's own from each process, through a queue and a listening thread."""

import logging
import logging.handlers
import sys

import procession as mp


def work(records, number):
    logger = logging.getLogger("work")
    logger.handlers = [logging.handlers.QueueHandler(records)]
    logger.setLevel(logging.INFO)
    logger.info("number %d in %s", number, mp.current_process().name)


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    logger = mp.log_to_stderr(logging.ERROR)
    print(logger is mp.get_logger(), logger.level == logging.ERROR)
    records = mp.Queue()
    listener = logging.handlers.QueueListener(records, logging.StreamHandler(sys.stdout))
    listener.start()
    processes = [mp.Process(target=work, args=(records, number), name=f"p{number}") for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    listener.stop()
