"""A manager's namespace, nested lists and dictionaries, its lock and its queue, used by processes and by a pool."""

import sys
from multiprocessing import Manager, Pool, Process, current_process, set_start_method


def work(name, shared, table, rows, lock):
    with lock:
        shared.count += 1
        shared.names = shared.names + [name]
    table[name] = current_process().name == name
    rows[0].append(name)


def ask(arguments):
    number, queue, shared = arguments
    queue.put(number * shared.factor)
    return number


if __name__ == "__main__":
    if sys.argv[1:]:
        set_start_method(sys.argv[1])
    with Manager() as manager:
        shared = manager.Namespace(count=0, names=[], factor=3)
        table, lock = manager.dict(), manager.Lock()
        rows = manager.list([manager.list()])
        processes = [Process(target=work, args=(n, shared, table, rows, lock), name=n) for n in ("x", "y", "z")]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        print(shared.count, sorted(shared.names), sorted(table.items()), sorted(rows[0]))
        queue = manager.Queue()
        with Pool(2) as pool:
            print(pool.map(ask, [(number, queue, shared) for number in range(4)]))
        print(sorted(queue.get() for _ in range(4)))
        with manager.Pool(2) as pool:
            print(pool.map(abs, [-1, -2]))
