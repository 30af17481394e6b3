"""A numpy array in shared memory: what one process writes all see.

Knows: numpy, one segment or file.
Must not know: pools; any pickle carries such an array.
"""

from __future__ import annotations

import math
import operator
import os
from typing import Any

import numpy

from procession.shared import segment


class SharedArray(numpy.ndarray):
    """A numpy array that all processes share; a view on one is one, too.

    It pickles to some bytes, and what is rebuilt from them is at the same memory. There is no lock in it: for what
    several processes change at once take one of your own. No name leads to the memory: it is gone with the last process
    that has it.

    Args:
        shape: As numpy has it.
        dtype: As numpy has it; no objects.

    Raises:
        ValueError: The elements are objects of Python.
        OSError: There is no memory for it.
    """

    _home: Any  # the segment, or the path of a file with its mode; of what is no view on either, None
    _begin: int  # where the memory of the home begins

    def __new__(cls, shape: Any, dtype: Any = float) -> SharedArray:
        kind = _checked(dtype)
        lengths = tuple(shape) if hasattr(shape, "__iter__") else (operator.index(shape),)
        home = segment.create(math.prod(lengths) * kind.itemsize)
        return _at(home, home.memory, 0, lengths, kind, None)

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], dtype: Any = float, shape: Any = None, mode: str = "r+"
    ) -> SharedArray:
        """Map a file: what is written to the array is in the file.

        Args:
            path: Of a file that is there, or that `mode="w+"` makes.
            dtype: As numpy has it; no objects.
            shape: As numpy has it. None: one dimension, as long as the file.
            mode: As `numpy.memmap` has it: `r`, `r+`, `w+`, `c`.

        Raises:
            OSError: The file cannot be opened.
            ValueError: It is shorter than the shape says.
        """
        file = numpy.memmap(os.fspath(path), _checked(dtype), mode, shape=shape)  # type: ignore[call-overload]
        home = _File(os.path.abspath(path), "r+" if mode == "w+" else mode, file)
        return _at(home, file, 0, file.shape, file.dtype, None)

    def __array_finalize__(self, other: Any) -> None:
        home, begin = getattr(other, "_home", None), getattr(other, "_begin", 0)
        here = home is not None and 0 <= self.__array_interface__["data"][0] - begin < home.size
        self._home, self._begin = (home, begin) if here else (None, 0)  # a copy has memory of its own

    def __reduce_ex__(self, protocol: Any) -> Any:
        place = self.__array_interface__["data"][0] - self._begin
        home = self._home
        if home is None:  # a copy
            return numpy.asarray(self).__reduce_ex__(protocol)
        return _rebuilt, (home.address, place, self.shape, self.dtype, self.strides, self.flags.writeable)

    def __reduce__(self) -> Any:
        return self.__reduce_ex__(2)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        if isinstance(array, SharedArray):  # `out=`, and the likes of `+=`
            return array
        return array[()] if return_scalar else array  # what was computed is in memory of its own


class _File:
    """A file that an array is mapped from."""

    def __init__(self, path: str, mode: str, file: Any) -> None:
        self._path = path
        self._mode = mode
        self.size = file.nbytes

    @property
    def address(self) -> Any:
        return self._path, self._mode, self.size


def _at(home: Any, memory: Any, place: int, shape: Any, dtype: Any, strides: Any) -> SharedArray:
    array = numpy.ndarray.__new__(SharedArray, shape, dtype, memory, place, strides)
    array._home = home
    array._begin = array.__array_interface__["data"][0] - place
    return array


def _rebuilt(address: Any, place: int, shape: Any, dtype: Any, strides: Any, writeable: bool) -> SharedArray:
    array = _found(address, place, shape, dtype, strides)
    if not writeable:
        array.flags.writeable = False
    return array


def _found(address: Any, place: int, shape: Any, dtype: Any, strides: Any) -> SharedArray:
    if len(address) == 3:
        path, mode, size = address
        file = numpy.memmap(path, "u1", mode, shape=(size,))
        return _at(_File(path, mode, file), file, place, shape, dtype, strides)
    home = segment.find(address)
    return _at(home, home.memory, place, shape, dtype, strides)


def _checked(dtype: Any) -> Any:
    kind = numpy.dtype(dtype)
    if kind.hasobject:
        raise ValueError(f"dtype={dtype!r}: objects of Python cannot be shared; take numbers, or procession.share()")
    return kind
