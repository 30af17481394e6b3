"""A class that keeps its pool as an attribute, and leaves it out when it is pickled."""

import multiprocessing
import sys


class Engine:
    def __init__(self, parameters):
        self.parameters = parameters
        self.pool = multiprocessing.Pool(2)

    def __getstate__(self):
        state = self.__dict__.copy()
        del state["pool"]
        return state

    def __call__(self, text):
        return "{}:{}".format(self.parameters["prefix"], text)

    def step(self, number):
        return number + self.parameters["offset"]

    def run(self):
        print(self.pool.map(self.step, range(5)))
        print(self.pool.map(self, ["a", "b"]))
        results = [self.pool.apply_async(self.step, (number,)) for number in range(3)]
        print([result.get() for result in results])

    def finish(self):
        self.pool.close()
        self.pool.join()


if __name__ == "__main__":
    if sys.argv[1:]:
        multiprocessing.set_start_method(sys.argv[1])
    engine = Engine({"prefix": "p", "offset": 10})
    engine.run()
    engine.finish()
    del engine
