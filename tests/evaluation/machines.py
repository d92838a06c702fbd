"""The simplest machine, for tests of what evaluates machines."""

import numpy as np

from posemachines.skeleton import Skeleton


class MeanMachine:
    """Predicts the mean joints of the training subjects."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.skeleton_ = skeleton

    def fit(self, X, y):
        self.joints_ = y[..., :2].mean(0, where=y[..., 2:] > 0)
        self.crop_size_ = X.shape[1]
        return self

    def predict(self, X):
        return np.repeat(self.joints_[None], len(X), 0).astype(np.float32)

    def staged_predict(self, X):
        yield self.predict(X)
