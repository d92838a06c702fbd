"""Nearest neighbour and ridge regression on HOG."""

import numpy as np
import pytest

from baselines import NearestNeighbourHOG, RidgeHOG
from posemachines.skeleton import LSP


def test_the_nearest_neighbour_of_a_training_subject_is_itself(crops):
    X, y = crops
    nearest = NearestNeighbourHOG(skeleton=LSP).fit(X[:400], y[:400])
    labelled = y[:20, :, 2] > 0
    poses = nearest.predict(X[:20])
    np.testing.assert_allclose(poses[labelled], y[:20, :, :2][labelled], atol=1e-4)
    several = NearestNeighbourHOG(n_neighbours=3, skeleton=LSP).fit(X[:400], y[:400]).predict(X[:20])
    assert np.abs(several - poses).max() > 1
    with pytest.raises(ValueError, match="n_neighbours must be at least 1"):
        NearestNeighbourHOG(n_neighbours=0).fit(X[:5], y[:5])


def test_ridge_chooses_its_strength(crops):
    X, y = crops
    weak = RidgeHOG(strengths=(1e-6, 10.0, 1e9)).fit(X[:400], y[:400])
    assert float(weak.strength_) == 10.0
