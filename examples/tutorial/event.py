"""An event: processes wait until another one says go."""

import sys

import procession as mp


def wait(go, name, log):
    log.put(f"{name} waits")
    go.wait()
    log.put(f"{name} goes")


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    go, log = mp.Event(), mp.Queue()
    processes = [mp.Process(target=wait, args=(go, name, log)) for name in ("red", "blue")]
    for process in processes:
        process.start()
    print(sorted(log.get() for _ in processes), go.is_set())
    go.set()
    print(sorted(log.get() for _ in processes), go.is_set())
    for process in processes:
        process.join()
