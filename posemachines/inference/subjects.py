"""Poses of the subjects of a photo, located by boxes, by approximate joints, or by the photo itself."""

from __future__ import annotations

import numpy as np

from .._utils.checks import check_joints
from ..geometry import joints_frame
from .frames import frame_of_box, frame_of_photo, open_photo
from .photos import predict_photo
from .pose import Pose

__all__ = ["predict_subjects"]


def predict_subjects(machine, photo, boxes=None, *, joints=None, **options) -> Pose:
    """The poses of the subjects in a photo; see :meth:`posemachines.SequentialMachine.predict_photo`.

    Parameters
    ----------
    machine : SequentialMachine
        Fitted.
    photo : path or uint8 ndarray of shape (H, W, 3)
    boxes : array-like of shape (N, 4) or (4,), optional
    joints : array-like of shape (N, P, 3) or (P, 3), optional
    **options
        Of :func:`predict_photo`.

    Returns
    -------
    Pose
    """
    if boxes is not None and joints is not None:
        raise ValueError("boxes and joints are both given; pass one of them")
    photo = open_photo(photo)
    if boxes is not None:
        frame = frame_of_box(np.atleast_2d(np.asarray(boxes, float)))
    elif joints is not None:
        joints = np.asarray(joints, float)
        frame = _frame_of_joints(joints[None] if joints.ndim == 2 else joints)
    else:
        centre, person_size = frame_of_photo(photo, protocol=options.get("protocol"))
        frame = centre[None], np.array([person_size])
    found, scores = predict_photo(machine, photo, *frame, **options)
    return Pose(found, scores, machine.skeleton_, photo)


def _frame_of_joints(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    centre, person_size = joints_frame(check_joints(joints))
    lost = np.flatnonzero(~np.isfinite(person_size))
    if len(lost):
        raise ValueError(f"subject {lost[0]} has no labelled joint, so it cannot be located; pass boxes=... instead")
    return centre, person_size
