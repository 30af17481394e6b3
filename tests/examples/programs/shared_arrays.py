"""NumPy arrays in shared memory: a block by name for a pool, and a RawArray that the initializer hands over."""

import sys
from multiprocessing import Pool, RawArray, set_start_method
from multiprocessing.shared_memory import SharedMemory

import numpy as np

SHAPE = (4, 250)


def scale_row(arguments):
    name, row = arguments
    block = SharedMemory(name=name)
    try:
        array = np.ndarray(SHAPE, dtype=np.float64, buffer=block.buf)
        array[row] *= row
        total = float(array[row].sum())
        del array
    finally:
        block.close()
    return total


def init(shared):
    global raw
    raw = np.frombuffer(shared).reshape(SHAPE)


def sum_row(row):
    return float(raw[row].sum())


if __name__ == "__main__":
    if sys.argv[1:]:
        set_start_method(sys.argv[1])
    block = SharedMemory(create=True, size=int(np.prod(SHAPE)) * 8)
    array = np.ndarray(SHAPE, dtype=np.float64, buffer=block.buf)
    array[:] = 1.0
    with Pool(2) as pool:
        print(pool.map(scale_row, [(block.name, row) for row in range(4)]))
        pool.close()
        pool.join()
    print(array.sum(axis=1).tolist())
    raw = RawArray("d", 1000)
    np.frombuffer(raw).reshape(SHAPE)[:] = array
    del array
    block.close()
    block.unlink()
    with Pool(2, init, (raw,)) as pool:
        print(pool.map(sum_row, range(4)))
