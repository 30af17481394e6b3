"""Return values by a manager: each process writes its own into a shared dictionary."""

import sys

import procession


def length(word, returned):
    returned[word] = len(word)


if __name__ == "__main__":
    if sys.argv[1:]:
        procession.set_start_method(sys.argv[1])
    manager = procession.Manager()
    returned = manager.dict()
    jobs = []
    for word in ("tick", "elephant", "ox"):
        job = procession.Process(target=length, args=(word, returned))
        jobs.append(job)
        job.start()
    for job in jobs:
        job.join()
    print(sorted(returned.items()))
