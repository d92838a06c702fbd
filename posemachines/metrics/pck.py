"""Percentage of correct keypoints."""

from __future__ import annotations

import numpy as np

from ..skeleton import Skeleton

__all__ = ["normalised_distances", "pck", "pck_curve", "pooled_pck", "reference_length"]


def reference_length(joints, skeleton: Skeleton) -> np.ndarray:
    """Length of each person by which distances are divided.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3)
        True x, y, visible.
    skeleton : Skeleton
        Its `reference` pair is measured (the torso: left shoulder to right hip); without one, the longer side of
        the box of the labelled joints is.

    Returns
    -------
    ndarray of shape (N,), float64
        In the unit of the joints; NaN where it cannot be measured: such people are left out of PCK.
    """
    joints = np.asarray(joints, float)
    labelled = joints[..., 2] > 0
    if skeleton.reference is not None:
        first, second = skeleton.reference
        length = np.linalg.norm(joints[:, first, :2] - joints[:, second, :2], axis=-1)
        known = labelled[:, first] & labelled[:, second]
    else:
        low = np.where(labelled[..., None], joints[..., :2], np.inf).min(1)
        high = np.where(labelled[..., None], joints[..., :2], -np.inf).max(1)
        known = labelled.sum(1) > 1
        length = np.where(known[:, None], high - low, np.nan).max(-1)
    return np.where(known & (length > 0), length, np.nan)


def normalised_distances(predicted, truth, scale, *, visible=None) -> np.ndarray:
    """Distance of each prediction from the truth, in units of each person's scale.

    Parameters
    ----------
    predicted, truth : ndarray of shape (N, P, 2)
        x, y in one frame, in pixels.
    scale : ndarray of shape (N,)
        Reference length of each person, in pixels; NaN leaves the person out.
    visible : bool ndarray of shape (N, P), optional
        Joints to score; all of them by default.

    Returns
    -------
    ndarray of shape (N, P)
        NaN where the joint is not scored.

    Raises
    ------
    ValueError
        If shapes disagree, a scale is not positive, or a scored coordinate is not finite.
    """
    predicted, truth, scale = np.asarray(predicted, float), np.asarray(truth, float), np.asarray(scale, float)
    if predicted.ndim != 3 or predicted.shape[-1] != 2 or predicted.shape != truth.shape:
        raise ValueError(f"predicted and truth must both be (N, P, 2); got {predicted.shape} and {truth.shape}")
    if scale.shape != predicted.shape[:1]:
        raise ValueError(f"scale must be ({len(predicted)},), one length a person; got {scale.shape}")
    if np.isinf(scale).any() or (scale <= 0).any():
        raise ValueError("every scale must be positive and finite, or NaN to leave the person out")
    shape = predicted.shape[:2]
    scored = np.ones(shape, bool) if visible is None else np.asarray(visible).astype(bool)
    if scored.shape != shape:
        raise ValueError(f"visible must be {shape}; got {scored.shape}")
    scored = scored & np.isfinite(scale)[:, None]
    if not (np.isfinite(predicted[scored]).all() and np.isfinite(truth[scored]).all()):
        raise ValueError("a scored joint has a coordinate that is not finite; mark it as not visible")
    distance = np.full(shape, np.nan)
    distance[scored] = (np.linalg.norm(predicted - truth, axis=-1) / np.where(np.isfinite(scale), scale, 1)[:, None])[
        scored
    ]
    return distance


def pck(predicted, truth, scale, *, threshold: float = 0.2, visible=None) -> np.ndarray:
    """Percentage of correct keypoints, part by part.

    A part is correct when ``distance <= threshold * scale`` (inclusive).

    Parameters
    ----------
    predicted, truth : ndarray of shape (N, P, 2)
        Joint (x, y), in pixels of one frame.
    scale : ndarray of shape (N,)
        Reference length of each person, in pixels (torso for PCK, head for PCKh); NaN leaves the person out.
    threshold : float, default=0.2
        Fraction of `scale`.
    visible : bool ndarray of shape (N, P), optional
        Joints to score; all of them by default.

    Returns
    -------
    ndarray of shape (P,)
        In [0, 100]; NaN for a part that is never scored.

    Raises
    ------
    ValueError
        If shapes disagree or a scale is not positive.

    References
    ----------
    .. [1] Yang and Ramanan, "Articulated human detection with flexible mixtures of parts", TPAMI 2013.
    """
    return pck_curve(normalised_distances(predicted, truth, scale, visible=visible), [threshold])[0]


def pck_curve(distances, thresholds) -> np.ndarray:
    """PCK at several thresholds from :func:`normalised_distances`.

    Parameters
    ----------
    distances : ndarray of shape (N, P)
        NaN where a joint is not scored.
    thresholds : sequence of T floats

    Returns
    -------
    ndarray of shape (T, P)
        In [0, 100]; NaN for a part that is never scored.
    """
    distances = np.asarray(distances, float)
    scored = np.isfinite(distances).sum(0)
    correct = np.stack([(distances <= threshold).sum(0) for threshold in thresholds])
    return np.divide(100.0 * correct, scored, out=np.full(correct.shape, np.nan), where=scored > 0)


def pooled_pck(distances, threshold: float) -> float:
    """PCK over all scored joints together, in [0, 100]; NaN when none is scored."""
    scored = np.isfinite(distances)
    return float(100 * (distances[scored] <= threshold).mean()) if scored.any() else float("nan")
