"""scikit-learn: the folds of a cross-validation through `map`."""

import functools

import client
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def fit_fold(x, y, fold):
    client.witness()
    train, test = fold
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[train], y[train])
    return float(model.score(x[test], y[test])), model


def solve(map_like):
    x, y = load_breast_cancer(return_X_y=True)
    fitted = list(map_like(functools.partial(fit_fold, x, y), StratifiedKFold(6).split(x, y)))
    return [score for score, _ in fitted], [model.predict(x) for _, model in fitted]


if __name__ == "__main__":
    client.main(lambda: solve(map), lambda pool, face: solve(pool.map))
