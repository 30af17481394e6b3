"""Only here: joblib's `Parallel`, and so scikit-learn, on our workers."""

from joblib import Parallel, delayed, parallel_config

import procession.joblib  # noqa: F401  # registers the backend


def square(number):
    return number * number


if __name__ == "__main__":
    with parallel_config(backend="procession", n_jobs=2):
        print(Parallel()(delayed(square)(number) for number in range(6)))
