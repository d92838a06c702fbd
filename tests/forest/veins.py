"""Rigid subjects: crossings of veins, which look alike in all subjects and lie anywhere within a cell."""

import cv2
import numpy as np

SIDE = 48  # px
CROSSINGS = np.array([[14.2, 12.9], [32.7, 15.4], [15.9, 33.3], [34.1, 30.8]])
ENDS = np.array([[4, 10], [44, 16], [3, 36], [45, 29], [13, 3], [17, 45], [32, 4], [35, 44]])  # of the veins
VEINS = ((4, 0, 2, 5), (6, 1, 3, 7), (0, 0, 1, 1), (2, 2, 3, 3))  # end, crossing, crossing, end


def make_wings(n, seed=0):
    """Pictures (n, 48, 48, 3) of four veins with small deformations, and their four crossings (n, 4, 3)."""
    rng = np.random.default_rng(seed)
    images, joints = np.empty((n, SIDE, SIDE, 3), np.uint8), np.ones((n, 4, 3), np.float32)
    middle = (SIDE - 1) / 2
    for subject in range(n):
        linear = np.eye(2) + rng.normal(0, 0.04, (2, 2))
        shift = rng.normal(0, 1.0, 2)
        crossings, ends = ((points - middle) @ linear.T + middle + shift for points in (CROSSINGS, ENDS))
        crossings += rng.normal(0, 0.7, crossings.shape)
        picture = np.full((SIDE, SIDE), rng.uniform(170, 210), np.float32)
        for first, before, after, last in VEINS:
            line = np.stack([ends[first], crossings[before], crossings[after], ends[last]])
            cv2.polylines(picture, [np.rint(line * 16).astype(np.int32)], False, 70.0, 2, cv2.LINE_AA, 4)
        picture += rng.normal(0, 5, picture.shape)
        images[subject] = picture.clip(0, 255)[..., None].astype(np.uint8)
        joints[subject, :, :2] = crossings
    return images, joints
