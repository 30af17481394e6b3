"""emcee: `EnsembleSampler(pool=pool)`, one `map` for each half of the walkers in each step."""

import client
import emcee
import numpy


def log_probability(x, scale):
    client.witness()
    return -0.5 * float(numpy.sum((x / scale) ** 2))


def solve(pool):
    start = numpy.random.default_rng(1).normal(size=(16, 3))
    numpy.random.seed(7)
    sampler = emcee.EnsembleSampler(16, 3, log_probability, args=[numpy.array([1.0, 2.0, 3.0])], pool=pool)
    sampler.run_mcmc(start, 40)
    return sampler.get_chain(), sampler.get_log_prob(), sampler.acceptance_fraction


if __name__ == "__main__":
    client.main(lambda: solve(None), lambda pool, face: solve(pool))
