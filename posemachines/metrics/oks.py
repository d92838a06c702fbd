"""Object keypoint similarity (OKS): for poses, what overlap is for boxes."""

from __future__ import annotations

import numpy as np

from .._utils.deprecation import renamed_keyword

__all__ = ["COCO_SIGMAS", "oks", "oks_pairs"]

COCO_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087,
    0.089, 0.089,
)  # fmt: skip
"""Spread of the annotators about each of COCO's 17 keypoints, relative to the person's size."""


@renamed_keyword(visible="labelled")
def oks(predicted, truth, area, *, sigmas=COCO_SIGMAS, labelled=None) -> np.ndarray:
    """Object keypoint similarity between each prediction and its ground truth.

    The mean of ``exp(-d^2 / (2 area (2 sigma)^2))`` over the labelled joints: 1 for a perfect pose; a joint that is
    off by 2 sigma (times the square root of the area) scores 0.6.

    Parameters
    ----------
    predicted, truth : ndarray of shape (N, P, 2)
        Joint (x, y), in pixels of the same frame.
    area : ndarray of shape (N,)
        Area of each subject's segment, in square pixels of that frame.
    sigmas : sequence of P floats, default=COCO_SIGMAS
    labelled : bool ndarray of shape (N, P), optional
        Joints to score; all of them by default.

    Returns
    -------
    ndarray of shape (N,)
        In [0, 1]; NaN for subjects without a labelled joint.

    Raises
    ------
    ValueError
        If shapes disagree, a sigma or an area is not positive, or a labelled coordinate is not finite.

    Notes
    -----
    `area` is that of the segment, about half that of the box. A joint's constant is *twice* its sigma. COCO scores
    joints that are labelled although occluded (v = 1) in the same way as visible ones (v = 2).

    References
    ----------
    .. [1] Lin et al., "Microsoft COCO: common objects in context", ECCV 2014, and the code of its keypoint evaluation.
    .. [2] Ronchi and Perona, "Benchmarking and error diagnosis in multi-instance pose estimation", ICCV 2017.
    """
    predicted, truth, area = np.asarray(predicted, float), np.asarray(truth, float), np.asarray(area, float)
    if predicted.ndim != 3 or predicted.shape[-1] != 2 or predicted.shape != truth.shape:
        raise ValueError(f"predicted and truth must both be (N, P, 2); got {predicted.shape} and {truth.shape}")
    if area.shape != predicted.shape[:1] or not (area > 0).all() or not np.isfinite(area).all():
        raise ValueError(f"area must be ({len(predicted)},), positive and finite; got shape {area.shape}")
    variances = _variances(sigmas, predicted.shape[1])
    labelled = np.ones(predicted.shape[:2], bool) if labelled is None else np.asarray(labelled).astype(bool)
    if labelled.shape != predicted.shape[:2]:
        raise ValueError(f"labelled must be {predicted.shape[:2]}; got {labelled.shape}")
    if not (np.isfinite(predicted[labelled]).all() and np.isfinite(truth[labelled]).all()):
        raise ValueError("a labelled joint has a coordinate that is not finite; mark it as not labelled")
    offset = np.where(labelled[..., None], predicted - truth, 0)
    similar = np.exp(-(offset**2).sum(-1) / variances / area[:, None] / 2) * labelled
    count = labelled.sum(1)
    return np.divide(similar.sum(1), count, out=np.full(len(count), np.nan), where=count > 0)


def oks_pairs(predicted, joints, boxes, areas, *, sigmas=COCO_SIGMAS) -> np.ndarray:
    """OKS between every prediction and every labelled person of one image, as in COCO's evaluation.

    Parameters
    ----------
    predicted : ndarray of shape (D, P, 2)
        x, y in pixels of the photo.
    joints : ndarray of shape (G, P, 3)
        Ground-truth x, y and COCO's v; joints with v > 0 are scored.
    boxes : ndarray of shape (G, 4)
        x, y, width, height.
    areas : ndarray of shape (G,)
        Areas of the segments, in square pixels.
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
    A person without labelled joints (a crowd, or too small) is not scored, but predictions may match it: a joint's
    distance is then that to the person's box, enlarged by its width and height on each side.
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
        raise ValueError(f"sigmas must have one value for each of the {n_parts} parts; got shape {sigmas.shape}")
    if not (sigmas > 0).all() or not np.isfinite(sigmas).all():
        raise ValueError(f"every sigma must be positive and finite; got {sigmas}")
    return (2 * sigmas) ** 2
