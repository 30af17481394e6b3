"""Workers that are replaced after a number of tasks: `maxtasksperchild`."""

import os
import sys

import procession as mp


def pid(_):
    return os.getpid()


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    with mp.Pool(2, maxtasksperchild=2) as pool:
        pids = pool.map(pid, range(8), chunksize=1)
    print("four workers or more:", len(set(pids)) >= 4, "most tasks of one:", max(pids.count(pid) for pid in pids))
