"""Start several processes in a loop, and wait for each."""

import sys

import procession


def greet(name, times):
    print(f"hello {name}" * times)


if __name__ == "__main__":
    if sys.argv[1:]:
        procession.set_start_method(sys.argv[1])
    processes = []
    for name in ("ant", "bee", "cat"):
        process = procession.Process(target=greet, args=(name,), kwargs={"times": 2})
        processes.append(process)
        process.start()
    for process in processes:
        process.join()
    print("exit codes:", [process.exitcode for process in processes])
