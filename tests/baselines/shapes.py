"""Shapes that move and rotate as a whole, for methods that see the whole crop."""

import numpy as np


def error(poses, joints):
    """Mean distance of labelled joints, in pixels."""
    labelled = joints[..., 2] > 0
    return np.linalg.norm(poses - joints[..., :2], axis=-1)[labelled].mean()


def mean_error(training, joints):
    """Mean distance of the mean pose of the training joints, in pixels."""
    return error(np.broadcast_to(training[..., :2].mean(0), joints[..., :2].shape), joints)
