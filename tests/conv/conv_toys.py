"""Small pictures and stages that the tests of this folder share."""

import numpy as np

from posemachines.conv import ConvStage
from posemachines.skeleton import Skeleton

DOTS = Skeleton("dots", ("left", "right", "middle"), pairs=(("right", "left"),))
TINY = {
    "stem_width": 8, "feature_width": 16, "coarse_width": 16, "n_blocks": 1, "n_coarse_blocks": 1,
    "stage_width": 16, "stage_coarse_width": 16, "n_stage_blocks": 1, "n_stage_coarse_blocks": 1,
    "epochs": 2, "batch_size": 8, "random_state": 0, "device": "cpu", "n_jobs": 1,
}  # fmt: skip


def tiny_stage(**settings):
    return ConvStage(**(TINY | settings))


def draw_dots(n, *, height=20, width=28, seed=0):
    """A red, a green and a blue dot a picture on grey, and where they are."""
    rng = np.random.default_rng(seed)
    joints = np.ones((n, 3, 3), np.float32)
    joints[..., 0] = rng.uniform(3, width - 4, (n, 3))
    joints[..., 1] = rng.uniform(3, height - 4, (n, 3))
    rows, columns = np.mgrid[:height, :width]
    distance = (columns - joints[..., 0, None, None]) ** 2 + (rows - joints[..., 1, None, None]) ** 2
    images = 128 + 120 * np.moveaxis(np.exp(-distance / 8), 1, -1)
    return images.round().astype(np.uint8), joints
