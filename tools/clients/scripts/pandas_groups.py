"""pandas: the groups of a frame through `map`, and put together again."""

import client
import numpy
import pandas


def describe(group):
    client.witness()
    name, frame = group
    return frame.describe().assign(group=name, span=frame["value"].max() - frame["value"].min())


def solve(map_like):
    random = numpy.random.default_rng(2)
    frame = pandas.DataFrame(
        {
            "key": random.choice(list("abcdefgh"), 20_000),
            "value": random.normal(size=20_000),
            "when": pandas.date_range("2024-01-01", periods=20_000, freq="min"),
        }
    )
    parts = list(map_like(describe, frame.groupby("key")))
    return pandas.concat(parts).reset_index().to_dict("list")


def rounded(answer):
    return {key: [str(each) for each in column] for key, column in answer.items()}  # NaN is not equal to itself


if __name__ == "__main__":
    client.main(lambda: rounded(solve(map)), lambda pool, face: rounded(solve(pool.map)))
