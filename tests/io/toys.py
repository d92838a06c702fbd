"""A small data set with photos in files, for tests of label formats."""

import cv2
import numpy as np

from posemachines import PoseDataset, Skeleton

MOUSE = Skeleton("mouse", ("nose", "left_ear", "right_ear", "tail"), pairs=(("right_ear", "left_ear"),))
SIZES = ((70, 40), (50, 90), (64, 48))  # width, height


def write_photo(path, size, seed=0):
    """A photo of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    cv2.imwrite(str(path), pixels)
    return path


def mice(folder, n=3, *, names="img{}.png", parts=MOUSE, **options):
    """Mice with a joint that is not labelled, and one that is hidden."""
    rng = np.random.default_rng(1)
    photos = [write_photo(folder / names.format(i), SIZES[i % len(SIZES)], i) for i in range(n)]
    joints = np.ones((n, parts.n_parts, 3), np.float32)
    for i in range(n):
        joints[i, :, :2] = rng.uniform(2, np.array(SIZES[i % len(SIZES)]) - 3, (parts.n_parts, 2))
    joints[0, 1] = 0
    occluded = np.zeros(joints.shape[:2], bool)
    occluded[1, 2] = True
    return PoseDataset(photos, joints, parts, **{"occluded": occluded, "name": "mice"} | options)


def same_labels(found, expected, atol=1e-3):
    """Whether joints of two data sets, or annotations, agree."""
    np.testing.assert_array_equal(found.joints[..., 2], expected.joints[..., 2])
    np.testing.assert_allclose(found.joints, expected.joints, atol=atol)
