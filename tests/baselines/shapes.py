"""Shapes that move and rotate as a whole, for methods that see the whole crop."""

import cv2
import numpy as np

from posemachines.skeleton import Skeleton

SHAPE = np.array([[-12.0, 9.0], [13.0, 7.0], [2.0, -14.0]])  # a triangle around its centre, in pixels
TRIANGLE = Skeleton("triangle", ("left", "right", "top"))
COLOURS = ((250, 250, 250), (20, 20, 20), (180, 120, 60))


def triangles(n, seed=0, angle=0.5):
    """Triangles of three discs: images (n, 64, 72, 3) and corners (n, 3, 3)."""
    rng = np.random.default_rng(seed)
    images, joints = np.full((n, 64, 72, 3), 110, np.uint8), np.ones((n, 3, 3), np.float32)
    for image, corners in zip(images, joints, strict=True):
        turn = rng.uniform(-angle, angle)
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        corners[:, :2] = SHAPE @ matrix.T + (35.5, 31.5) + rng.uniform(-6, 6, 2)
        for colour, (x, y) in zip(COLOURS, corners[:, :2], strict=True):
            cv2.circle(image, (round(float(x)), round(float(y))), 6, colour, -1)
    return images, joints


def error(poses, joints):
    """Mean distance of labelled joints, in pixels."""
    labelled = joints[..., 2] > 0
    return np.linalg.norm(poses - joints[..., :2], axis=-1)[labelled].mean()


def mean_error(training, joints):
    """Mean distance of the mean pose of the training joints, in pixels."""
    return error(np.broadcast_to(training[..., :2].mean(0), joints[..., :2].shape), joints)
