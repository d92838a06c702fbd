"""Percentage of detected joints."""

from __future__ import annotations

import numpy as np

from .pck import normalised_distances, pair_length, pck_curve

__all__ = ["PDJ_THRESHOLDS", "pdj", "torso_diameter"]

PDJ_THRESHOLDS = tuple(round(0.01 * step, 2) for step in range(51))
"""Fractions of the torso's diameter at which curves of detection rates are drawn: 0, 0.01 .. 0.5."""


def torso_diameter(joints, left_shoulder: int, right_hip: int) -> np.ndarray:
    """Diameter of each torso: left shoulder to right hip.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3) or (N, P, 2)
        True x, y and visible.
    left_shoulder, right_hip : int
        Indices of the two parts.

    Returns
    -------
    ndarray of shape (N,), float64
        NaN where one of them is not labelled.

    Raises
    ------
    ValueError
        If the joints have another shape or lack a part.

    Notes
    -----
    The torso is that of the *true* pose. A side view shrinks it, and with it the radius within which a joint counts.
    """
    return pair_length(joints, left_shoulder, right_hip)


def pdj(predicted, truth, torso, thresholds=PDJ_THRESHOLDS, *, visible=None) -> np.ndarray:
    """Percentage of detected joints as a function of the allowed share of the torso's diameter.

    Parameters
    ----------
    predicted, truth : ndarray of shape (N, P, 2)
        Joint (x, y), in pixels of one frame.
    torso : ndarray of shape (N,)
        :func:`torso_diameter`, in pixels; NaN leaves the person out.
    thresholds : sequence of T floats, default=0, 0.01 .. 0.5
        Inclusive. Sapp and Taskar scale torsos to 100 px instead: their 10 px are 0.1 here.
    visible : bool ndarray of shape (N, P), optional
        Joints to score; all of them by default.

    Returns
    -------
    ndarray of shape (T, P)
        In [0, 100]; NaN for a part that is never scored.

    Raises
    ------
    ValueError
        If shapes disagree, a diameter is not positive, or there is no threshold.

    Notes
    -----
    PDJ at 0.2 is PCK at 0.2 of the torso; the names come from two communities. Curves are published for elbows and
    wrists only, averaged over both sides.

    References
    ----------
    .. [1] Sapp and Taskar, "MODEC: multimodal decomposable models for human pose estimation", CVPR 2013.
    .. [2] Toshev and Szegedy, "DeepPose: human pose estimation via deep neural networks", CVPR 2014.
    """
    thresholds = np.atleast_1d(np.asarray(thresholds, float))
    if thresholds.ndim != 1 or not len(thresholds) or not np.isfinite(thresholds).all():
        raise ValueError(f"thresholds must be some finite numbers; got {thresholds}")
    return pck_curve(normalised_distances(predicted, truth, torso, visible=visible), thresholds)
