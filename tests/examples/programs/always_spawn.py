"""A program that chooses spawn by itself, as those for Windows and CUDA do: all it needs travels as arguments."""

import multiprocessing as mp


class Settings:
    def __init__(self, **values):
        self.__dict__.update(values)


def worker(rank, size, settings, barrier, queue):
    barrier.wait()
    queue.put((rank, size, settings.rate * rank))


def square(number):
    return number**2


def main():
    mp.set_start_method("spawn", force=True)
    size = 3
    barrier, queue = mp.Barrier(size), mp.SimpleQueue()
    processes = []
    for rank in range(size):
        process = mp.Process(target=worker, args=(rank, size, Settings(rate=0.5), barrier, queue))
        process.daemon = True
        process.start()
        processes.append(process)
    print(sorted(queue.get() for _ in processes))
    for process in processes:
        process.join()
    with mp.get_context("spawn").Pool(2) as pool:
        print(pool.map(square, range(4)), mp.get_start_method())


if __name__ == "__main__":
    mp.freeze_support()
    main()
