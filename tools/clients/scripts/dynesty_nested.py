"""dynesty: `NestedSampler(pool=pool, queue_size=2)`."""

import client
import dynesty
import numpy


class InLine:
    """A pool that works here: the sampler draws as many points at once as the pool has workers."""

    size = client.WORKERS
    map = staticmethod(map)


def log_likelihood(x):
    client.witness()
    return -0.5 * float(numpy.sum(x**2)) * 4


def prior(u):
    return 10 * u - 5


def solve(pool):
    sampler = dynesty.NestedSampler(
        log_likelihood, prior, 2, nlive=50, rstate=numpy.random.default_rng(5), pool=pool, queue_size=client.WORKERS
    )
    sampler.run_nested(dlogz=1.0, print_progress=False)
    return sampler.results.logz, sampler.results.samples


if __name__ == "__main__":
    client.main(lambda: solve(InLine()), lambda pool, face: solve(pool))
