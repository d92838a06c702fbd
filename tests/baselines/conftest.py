"""Drawn people that the tests of the baselines share."""

import pytest

from posemachines.datasets import draw_figures


@pytest.fixture(scope="session")
def crops():
    """Crops of 64 px and joints of 500 people; 400 are for training."""
    found = draw_figures(500, random_state=4, size=64, occlusion=0.0, background_people=0.0).crops(64)
    return found.X, found.y
