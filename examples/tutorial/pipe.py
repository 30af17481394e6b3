"""A pipe: two ends, an object in at one is an object out at the other."""

import sys

from procession import Pipe, Process, set_start_method


def answer(connection):
    while (question := connection.recv()) is not None:
        connection.send(eval(question))
    connection.close()


if __name__ == "__main__":
    if sys.argv[1:]:
        set_start_method(sys.argv[1])
    ours, theirs = Pipe()
    process = Process(target=answer, args=(theirs,))
    process.start()
    for question in ("6 * 7", "[letter for letter in 'abc']", "{'a': 1.5}"):
        ours.send(question)
        print(question, "=", ours.recv())
    print("anything else?", ours.poll())
    ours.send(None)
    process.join()
    print(process.exitcode)
