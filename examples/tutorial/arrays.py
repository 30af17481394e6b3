"""Arrays in shared memory: a child changes them, the parent sees it."""

import ctypes
import sys

from procession import Array, Process, RawArray, Value, set_start_method


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_double), ("y", ctypes.c_double)]


def change(number, numbers, letters, points):
    number.value = 3.5
    for index, value in enumerate(numbers):
        numbers[index] = -value
    letters.value = letters.value.upper()
    for point in points:
        point.x, point.y = point.y, point.x


if __name__ == "__main__":
    if sys.argv[1:]:
        set_start_method(sys.argv[1])
    number, numbers = Value("d", 0.0), Array("i", range(6))
    letters, points = Array("c", b"shout"), RawArray(Point, [(1, 2), (3, 4)])
    process = Process(target=change, args=(number, numbers, letters, points))
    process.start()
    process.join()
    print(number.value, numbers[:], letters.value, [(point.x, point.y) for point in points])
