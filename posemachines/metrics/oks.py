"""Object keypoint similarity: an overlap for poses."""

from __future__ import annotations

import numpy as np

__all__ = ["COCO_SIGMAS", "oks", "oks_pairs"]

COCO_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087,
    0.089, 0.089,
)  # fmt: skip
"""How far annotators of COCO scatter about each of its 17 keypoints, in units of the person's size."""


def oks(predicted, truth, area, *, sigmas=COCO_SIGMAS, visible=None) -> np.ndarray:
    """Object keypoint similarity of each prediction with the person it stands for.

    ``mean over labelled joints of exp(-d^2 / (2 area (2 sigma)^2))``: 1 for a perfect pose, and 0.6 where a joint is
    off by its own 2 sigma.

    Parameters
    ----------
    predicted, truth : ndarray of shape (N, P, 2)
        Joint (x, y), in pixels of one frame.
    area : ndarray of shape (N,)
        Area of each person's segment, in square pixels of that frame: the square of the scale.
    sigmas : sequence of P floats
        COCO's by default.
    visible : bool ndarray of shape (N, P), optional
        Labelled joints; all of them by default.

    Returns
    -------
    ndarray of shape (N,)
        In [0, 1]; NaN for people without a labelled joint.

    Raises
    ------
    ValueError
        If shapes disagree, a sigma or an area is not positive, or a labelled coordinate is not finite.

    Notes
    -----
    `area` is the segment's, not the box's: about half of it. The constant of a joint is *twice* its sigma. COCO
    scores joints that are labelled although occluded (v = 1) like visible ones (v = 2).

    References
    ----------
    .. [1] Lin et al., "Microsoft COCO: common objects in context", ECCV 2014, and its keypoint evaluation.
    .. [2] Ronchi and Perona, "Benchmarking and error diagnosis in multi-instance pose estimation", ICCV 2017.
    """
    predicted, truth, area = np.asarray(predicted, float), np.asarray(truth, float), np.asarray(area, float)
    if predicted.ndim != 3 or predicted.shape[-1] != 2 or predicted.shape != truth.shape:
        raise ValueError(f"predicted and truth must both be (N, P, 2); got {predicted.shape} and {truth.shape}")
    if area.shape != predicted.shape[:1] or not (area > 0).all() or not np.isfinite(area).all():
        raise ValueError(f"area must be ({len(predicted)},), positive and finite; got shape {area.shape}")
    variances = _variances(sigmas, predicted.shape[1])
    labelled = np.ones(predicted.shape[:2], bool) if visible is None else np.asarray(visible).astype(bool)
    if labelled.shape != predicted.shape[:2]:
        raise ValueError(f"visible must be {predicted.shape[:2]}; got {labelled.shape}")
    if not (np.isfinite(predicted[labelled]).all() and np.isfinite(truth[labelled]).all()):
        raise ValueError("a labelled joint has a coordinate that is not finite; mark it as not visible")
    offset = np.where(labelled[..., None], predicted - truth, 0)
    similar = np.exp(-(offset**2).sum(-1) / variances / area[:, None] / 2) * labelled
    count = labelled.sum(1)
    return np.divide(similar.sum(1), count, out=np.full(len(count), np.nan), where=count > 0)


def oks_pairs(predicted, joints, boxes, areas, *, sigmas=COCO_SIGMAS) -> np.ndarray:
    """Similarity of every prediction with every labelled person of one image, as COCO's evaluation has it.

    Parameters
    ----------
    predicted : ndarray of shape (D, P, 2)
        x, y in pixels of the photo.
    joints : ndarray of shape (G, P, 3)
        True x, y and COCO's v: scored where v > 0.
    boxes : ndarray of shape (G, 4)
        x, y, width, height.
    areas : ndarray of shape (G,)
        Of the segments.
    sigmas : sequence of P floats

    Returns
    -------
    ndarray of shape (D, G)
        In [0, 1].

    Raises
    ------
    ValueError
        If shapes disagree or a sigma is not positive.

    Notes
    -----
    A person without labelled joints (a crowd, or one too small) is not scored but absorbs predictions: the distance
    of a joint is then that to the person's box, grown by its own size on every side.
    """
    predicted, joints = np.asarray(predicted, float), np.asarray(joints, float)
    boxes, areas = np.asarray(boxes, float), np.asarray(areas, float)
    if predicted.ndim != 3 or joints.ndim != 3 or predicted.shape[1:] != (joints.shape[1], 2) or joints.shape[2] != 3:
        raise ValueError(f"predicted must be (D, P, 2) and joints (G, P, 3); got {predicted.shape} and {joints.shape}")
    if boxes.shape != (len(joints), 4) or areas.shape != (len(joints),):
        raise ValueError(
            f"boxes must be ({len(joints)}, 4) and areas ({len(joints)},); got {boxes.shape}, {areas.shape}"
        )
    variances = _variances(sigmas, joints.shape[1])
    labelled = joints[..., 2] > 0
    without = ~labelled.any(1)
    low, high = boxes[:, :2] - boxes[:, 2:], boxes[:, :2] + 2 * boxes[:, 2:]
    offset = predicted[:, None] - joints[None, ..., :2]
    outside = np.maximum(0, low[:, None] - predicted[:, None]) + np.maximum(0, predicted[:, None] - high[:, None])
    offset = np.where(without[:, None, None], outside, offset)
    similar = np.exp(-(offset**2).sum(-1) / variances / (areas[:, None] + np.spacing(1)) / 2)
    counted = labelled | without[:, None]
    return (similar * counted).sum(-1) / counted.sum(-1)


def _variances(sigmas, n_parts: int) -> np.ndarray:
    sigmas = np.asarray(sigmas, float)
    if sigmas.shape != (n_parts,):
        raise ValueError(f"sigmas must be one for each of {n_parts} parts; got shape {sigmas.shape}")
    if not (sigmas > 0).all() or not np.isfinite(sigmas).all():
        raise ValueError(f"every sigma must be positive and finite; got {sigmas}")
    return (2 * sigmas) ** 2
