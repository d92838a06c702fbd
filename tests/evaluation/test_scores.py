import copy
import json
import pickle

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV

from posemachines.evaluation import Score


def test_a_score_says_what_it_measures():
    score = Score(48.612, metric="PCK@0.2", reference="left shoulder to right hip")
    assert str(score) == repr(score) == f"{score}" == "48.6 % (PCK@0.2 of left shoulder to right hip)"
    assert str(Score(50, "PCKh@0.5")) == "50.0 % (PCKh@0.5)"
    assert str(Score(float("nan"))).startswith("nan")


def test_a_score_is_a_float():
    score = Score(48.612, reference="torso")
    assert score == 48.612
    assert f"{score:.2f}" == "48.61"
    assert json.dumps(score) == "48.612"
    assert type(score + 1) is float
    assert np.mean([score, score]) == 48.612


def test_copies_keep_the_metric():
    score = Score(48.612, "PCKh@0.5", "head")
    for again in (pickle.loads(pickle.dumps(score)), copy.deepcopy(score), copy.copy(score)):
        assert (again, again.metric, again.reference) == (score, "PCKh@0.5", "head")


class Shifted(BaseEstimator):
    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y):
        return self

    def score(self, X, y):
        return Score(50 - self.shift, reference="torso")


def test_grid_search_takes_it():
    search = GridSearchCV(Shifted(), {"shift": [3.0, 1.0]}, cv=2).fit(np.zeros((4, 1)), np.zeros(4))
    assert search.best_params_ == {"shift": 1.0}
    assert search.best_score_ == 49
