"""A pool inside of a class, whose methods are the tasks."""

import sys

import procession as mp


class Garden:
    def __init__(self, plants):
        self.plants = plants

    def water(self, name):
        return f"{name}: {self.plants[name]} litres"

    @staticmethod
    def label(name):
        return name.title()

    def water_all(self):
        with mp.Pool(2) as pool:
            print(pool.map(self.water, sorted(self.plants)))
            print(pool.map(Garden.label, sorted(self.plants)))


if __name__ == "__main__":
    if sys.argv[1:]:
        mp.set_start_method(sys.argv[1])
    Garden({"rose": 2, "fern": 1, "oak": 10}).water_all()
