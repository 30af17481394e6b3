"""scipy: `workers=pool.map` of a global minimiser and of an integral."""

import client
import numpy
from scipy.integrate import quad_vec
from scipy.optimize import differential_evolution


def valley(x):
    client.witness()
    return float(numpy.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))


def wave(t):
    client.witness()
    return numpy.sin(numpy.arange(1, 5) * t) / (1 + t)


def solve(map_like):
    found = differential_evolution(
        valley, [(-2, 2)] * 3, workers=map_like, updating="deferred", rng=1, maxiter=12, popsize=6, polish=False
    )
    integral, error = quad_vec(wave, 0, 20, workers=map_like, epsrel=1e-6)
    return found.x, found.fun, found.nfev, integral


if __name__ == "__main__":
    client.main(lambda: solve(map), lambda pool, face: solve(pool.map))
