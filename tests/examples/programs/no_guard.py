"""A script as beginners write it: no guard. With the standard library it runs under fork only."""

import sys
from multiprocessing import Pool, Process, Queue, set_start_method

if sys.argv[1:]:
    set_start_method(sys.argv[1])


def double(number):
    return 2 * number


def put(queue, number):
    queue.put(double(number))


pool = Pool(2)
print(pool.map(double, [1, 2, 3]))
pool.close()
pool.join()

queue = Queue()
process = Process(target=put, args=(queue, 4))
process.start()
print(queue.get())
process.join()
print(process.exitcode)
