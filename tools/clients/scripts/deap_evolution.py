"""deap: `toolbox.register("map", pool.map)`, with classes that `creator` makes."""

import random

import client
from deap import algorithms, base, creator, tools

creator.create("Fitness", base.Fitness, weights=(1.0,))
creator.create("Individual", list, fitness=creator.Fitness)


def count_ones(individual):
    client.witness()
    assert isinstance(individual, creator.Individual)
    return (sum(individual),)


def solve(map_like):
    random.seed(3)
    toolbox = base.Toolbox()
    toolbox.register("map", map_like)
    toolbox.register("bit", random.randint, 0, 1)
    toolbox.register("individual", tools.initRepeat, creator.Individual, toolbox.bit, 40)
    toolbox.register("population", tools.initRepeat, list, toolbox.individual)
    toolbox.register("evaluate", count_ones)
    toolbox.register("mate", tools.cxTwoPoint)
    toolbox.register("mutate", tools.mutFlipBit, indpb=0.05)
    toolbox.register("select", tools.selTournament, tournsize=3)
    population, log = algorithms.eaSimple(toolbox.population(30), toolbox, 0.5, 0.2, 8, verbose=False)
    return [list(each) for each in population], log.select("nevals")


if __name__ == "__main__":
    client.main(lambda: solve(map), lambda pool, face: solve(pool.map))
