"""Six small photos, each of one subject with three joints; and synthetic figures saved in every format."""

import numpy as np
import pytest

from posemachines import PoseDataset

from .formats import FORK, save_everything


@pytest.fixture
def photos(rng):
    return [rng.integers(0, 255, (60 + 5 * i, 90 - 3 * i, 3), np.uint8) for i in range(6)]


@pytest.fixture
def joints(rng):
    joints = rng.uniform(5, 55, (6, 3, 3)).astype(np.float32)
    joints[..., 2] = 1
    joints[2, 1] = np.nan, -400, 0
    return joints


@pytest.fixture
def people(photos, joints):
    return PoseDataset(photos, joints, FORK)


@pytest.fixture
def pairs(photos, joints):
    """Six subjects, two in each photo."""
    return PoseDataset([photos[index // 2] for index in range(6)], joints, FORK)


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    root = tmp_path_factory.mktemp("formats")
    return root, *save_everything(root)
