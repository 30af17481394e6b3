"""joblib: `Parallel` with arrays, generators, `Memory` and calls inside of calls."""

import tempfile

import client
import numpy
from joblib import Memory, Parallel, delayed

FACES = ("joblib",)


def total(array, power):
    client.witness()
    return float((array**power).sum())


def inner(number):
    client.witness()
    return sum(Parallel(n_jobs=2)(delayed(pow)(number, power) for power in range(4)))


def solve(n_jobs):
    arrays = [numpy.linspace(0, 1, 200_000) + n for n in range(4)]
    parallel = Parallel(n_jobs=n_jobs)
    with tempfile.TemporaryDirectory() as folder:
        remembered = Memory(folder, verbose=0).cache(total)
        return [
            parallel(delayed(total)(array, 2) for array in arrays),
            list(Parallel(n_jobs=n_jobs, return_as="generator")(delayed(total)(arrays[n % 4], 3) for n in range(8))),
            [parallel(delayed(remembered)(array, 2) for array in arrays) for _ in range(2)],
            parallel(delayed(lambda n: n + len(arrays))(n) for n in range(100)),
            parallel(delayed(inner)(n) for n in range(6)),
        ]


if __name__ == "__main__":
    client.main(lambda: solve(1), lambda joblib, face: solve(client.WORKERS))
