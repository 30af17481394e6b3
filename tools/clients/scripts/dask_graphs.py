"""dask: `dask.config.set(pool=pool, scheduler="processes")` for bags and delayed calls."""

import client
import dask
import dask.bag


def square(number):
    client.witness()
    return number * number


@dask.delayed
def add(one, other):
    client.witness()
    return one + other


def solve(**config):
    with dask.config.set(**config):
        bag = dask.bag.from_sequence(range(200), npartitions=8)
        total = bag.map(square).filter(lambda n: n % 3 == 1).sum().compute()
        groups = bag.map(square).groupby(lambda n: n % 7).map(lambda pair: (pair[0], len(pair[1]))).compute()
        values = [dask.delayed(square)(n) for n in range(8)]
        while len(values) > 1:
            values = [add(*values[n : n + 2]) for n in range(0, len(values), 2)]
        return total, sorted(groups), values[0].compute()


if __name__ == "__main__":
    client.main(lambda: solve(scheduler="synchronous"), lambda pool, face: solve(scheduler="processes", pool=pool))
