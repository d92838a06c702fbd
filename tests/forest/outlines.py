"""Rigid subjects: outlines that are nearly the same in all of them, with landmarks that lie anywhere within a cell."""

import cv2
import numpy as np

SIDE = 64  # px
OUTLINES = (
    np.array([[6, 18], [20, 9], [38, 12], [55, 24], [50, 38], [33, 44], [15, 36], [6, 18]]),
    np.array([[12, 50], [28, 56], [47, 52], [58, 57]]),
    np.array([[24, 22], [34, 20], [36, 30], [26, 32], [24, 22]]),
)
LANDMARKS = np.array([[20.4, 9.7], [55.2, 24.9], [33.3, 43.2], [15.8, 36.1], [29.1, 55.3], [36.4, 29.0], [41.6, 33.5]])


def make_outlines(n, seed=0):
    """Pictures (n, 64, 64, 3) of soft outlines with small deformations, and their landmarks (n, 7, 3)."""
    rng = np.random.default_rng(seed)
    images, joints = np.empty((n, SIDE, SIDE, 3), np.uint8), np.ones((n, len(LANDMARKS), 3), np.float32)
    middle = (SIDE - 1) / 2
    for subject in range(n):
        linear, shift = np.eye(2) + rng.normal(0, 0.04, (2, 2)), rng.normal(0, 1.0, 2)
        picture = np.full((SIDE, SIDE), rng.uniform(90, 110), np.float32)
        for outline in OUTLINES:
            line = (outline - middle) @ linear.T + middle + shift
            cv2.polylines(picture, [np.rint(line * 16).astype(np.int32)], False, 190.0, 2, cv2.LINE_AA, 4)
        picture = cv2.GaussianBlur(picture, (0, 0), 1.5) + rng.normal(0, 3, picture.shape)
        images[subject] = picture.clip(0, 255)[..., None].astype(np.uint8)
        joints[subject, :, :2] = (LANDMARKS - middle) @ linear.T + middle + shift
    return images, joints
