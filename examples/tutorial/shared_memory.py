"""A block of shared memory by its name, seen as an array by NumPy; a list in shared memory."""

import sys

import numpy

import procession as mp
from procession.shared_memory import ShareableList, SharedMemory


def double(name, shape, words):
    block = SharedMemory(name)
    array = numpy.ndarray(shape, dtype="float64", buffer=block.buf)
    array *= 2
    del array
    block.close()
    words[1] = "changed"


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    block = SharedMemory(create=True, size=6 * 8)
    words = ShareableList(["stays", "stays?", 3])
    array = numpy.ndarray((2, 3), dtype="float64", buffer=block.buf)
    array[:] = [[1, 2, 3], [4, 5, 6]]
    process = mp.Process(target=double, args=(block.name, array.shape, words))
    process.start()
    process.join()
    print(array.tolist(), list(words))
    del array
    for memory in (block, words.shm):
        memory.close()
        memory.unlink()
