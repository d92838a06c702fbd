"""Percentage of detected joints (PDJ)."""

from __future__ import annotations

import numpy as np

from .._utils.deprecation import renamed_keyword
from .pck import normalised_distances, pair_length, pck_curve

__all__ = ["PDJ_THRESHOLDS", "pdj", "torso_diameter"]

PDJ_THRESHOLDS = tuple(round(0.01 * step, 2) for step in range(51))
"""Fractions of the torso's diameter at which PDJ curves are drawn: 0, 0.01, ..., 0.5."""


def torso_diameter(joints, left_shoulder: int, right_hip: int) -> np.ndarray:
    """Diameter of each torso, from left shoulder to right hip.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3) or (N, P, 2)
        Ground-truth x, y and labelled.
    left_shoulder, right_hip : int
        Indices of the two parts.

    Returns
    -------
    ndarray of shape (N,), float64
        NaN where one of the two is not labelled.

    Raises
    ------
    ValueError
        If `joints` has the wrong shape or does not have one of the parts.

    Notes
    -----
    The torso is that of the *ground truth*. It is shorter in a side view, and so is the distance within which a joint
    counts as detected.
    """
    return pair_length(joints, left_shoulder, right_hip)


@renamed_keyword(visible="labelled")
def pdj(predicted, truth, torso, thresholds=PDJ_THRESHOLDS, *, labelled=None) -> np.ndarray:
    """Percentage of detected joints, as a function of the threshold on the distance.

    Parameters
    ----------
    predicted, truth : ndarray of shape (N, P, 2)
        Joint (x, y), in pixels of the same frame.
    torso : ndarray of shape (N,)
        Diameter of each torso (:func:`torso_diameter`), in pixels; NaN excludes the subject.
    thresholds : sequence of T floats, default=0, 0.01, ..., 0.5
        Fractions of the diameter, inclusive. Sapp and Taskar scale torsos to 100 px; their 10 px are 0.1 here.
    labelled : bool ndarray of shape (N, P), optional
        Joints to score; all of them by default.

    Returns
    -------
    ndarray of shape (T, P)
        In [0, 100]; NaN for a part that is never scored.

    Raises
    ------
    ValueError
        If shapes disagree, a diameter is not positive, or `thresholds` is empty.

    Notes
    -----
    PDJ at 0.2 equals PCK at 0.2 of the torso; the two names have different origins. Curves are usually published for
    elbows and wrists only, averaged over both sides.

    References
    ----------
    .. [1] Sapp and Taskar, "MODEC: multimodal decomposable models for human pose estimation", CVPR 2013.
    .. [2] Toshev and Szegedy, "DeepPose: human pose estimation via deep neural networks", CVPR 2014.
    """
    thresholds = np.atleast_1d(np.asarray(thresholds, float))
    if thresholds.ndim != 1 or not len(thresholds) or not np.isfinite(thresholds).all():
        raise ValueError(f"thresholds must be finite numbers, at least one; got {thresholds}")
    return pck_curve(normalised_distances(predicted, truth, torso, labelled=labelled), thresholds)
