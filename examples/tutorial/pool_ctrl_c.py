"""Ctrl-C ends the pool: workers ignore it, the main process catches it. Press it while this runs."""

import signal
import sys

import procession as mp


def ignore_ctrl_c():
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_for_ever(number):
    if number == 0:
        print("press Ctrl-C", flush=True)
    while True:
        number += 1


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    pool = mp.Pool(2, initializer=ignore_ctrl_c)
    try:
        pool.map_async(run_for_ever, range(4), chunksize=1).get(timeout=60)
    except KeyboardInterrupt:
        print("interrupted")
        pool.terminate()
    else:
        pool.close()
    pool.join()
    print("the pool has ended")
