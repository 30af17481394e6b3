"""scikit-learn: a grid search, cross-validations and a forest on our joblib backend."""

import client
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FACES = ("joblib",)


def score(model, x, y):
    client.witness()
    return float(model.score(x, y))


def solve(n_jobs):
    x, y = load_breast_cancer(return_X_y=True)
    line = make_pipeline(StandardScaler(), LogisticRegression())
    search = GridSearchCV(line, {"logisticregression__C": [0.1, 1.0, 10.0]}, scoring=score, cv=3, n_jobs=n_jobs)
    search.fit(x, y)
    forest = RandomForestClassifier(12, random_state=3, n_jobs=n_jobs)
    folds = cross_val_score(forest, x, y, scoring=score, cv=4, n_jobs=n_jobs)  # a forest in each fold: nested calls
    forest.fit(x, y)
    table = search.cv_results_
    return table["mean_test_score"], search.best_params_, folds, forest.predict_proba(x)


if __name__ == "__main__":
    client.main(lambda: solve(1), lambda joblib, face: solve(client.WORKERS))
