"""The program around `service.py`: threads that answer requests, and never end the pool by themselves."""

import multiprocessing
import sys
import threading

import service


def main():
    answers = []
    threads = [
        threading.Thread(target=lambda path=path: answers.append(service.handle(path)))
        for path in ("/", "/about", "/users/1", "/")
    ]
    service.get_pool()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answer in sorted(answers, key=str):
        print(answer)


if __name__ == "__main__":
    if sys.argv[1:]:
        multiprocessing.set_start_method(sys.argv[1])
    main()
