"""What a process object tells, before, while and after it runs; how it is stopped."""

import sys

import procession as mp


def wait_for(event):
    event.wait()


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    never = mp.Event()
    process = mp.Process(target=wait_for, args=(never,), name="sleeper", daemon=True)
    print(process.name, process.daemon, process.pid, process.is_alive(), process.exitcode)
    process.start()
    print(process.pid > 0, process.is_alive(), process in mp.active_children(), process.exitcode)
    process.join(0.01)  # too short
    print("still alive:", process.is_alive())
    process.terminate()
    process.join()
    print(process.is_alive(), process in mp.active_children(), process.exitcode)
    process.close()
