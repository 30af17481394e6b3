"""Who is who: each process knows its own name and its parent."""

import os
import sys

import procession as mp


def introduce(parent_pid, answers):
    me, parent = mp.current_process(), mp.parent_process()
    answers.put((me.name, me.pid == os.getpid(), parent.pid == parent_pid, parent.name))


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    print(mp.current_process().name, mp.parent_process())
    answers = mp.Queue()
    process = mp.Process(target=introduce, args=(os.getpid(), answers), name="child")
    process.start()
    print(answers.get())
    process.join()
