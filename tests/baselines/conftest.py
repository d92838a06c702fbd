"""Synthetic people that the tests of the baselines share."""

import pytest

from posemachines.datasets import make_synthetic


@pytest.fixture(scope="session")
def crops():
    """Crops of 64 px and joints of 500 subjects; the first 400 are for training."""
    found = make_synthetic(500, random_state=4, size=64, occlusion=0.0, background_people=0.0).crops(64)
    return found.X, found.y
