"""Percentage of correct keypoints."""

from __future__ import annotations

import numpy as np

from ..skeleton import Skeleton

__all__ = [
    "AT_THRESHOLD",
    "box_length",
    "normalised_distances",
    "pair_length",
    "pck",
    "pck_curve",
    "pooled_pck",
    "reference_length",
    "within",
]

AT_THRESHOLD = 1e-9
"""What a normalised distance may exceed a threshold by and still be at it: rounding, not pixels."""


def within(distances, threshold) -> np.ndarray:
    """Whether normalised distances are at most a threshold; NaN is not.

    Parameters
    ----------
    distances : ndarray of any shape
        In units of the reference length.
    threshold : float or ndarray
        Broadcasts against `distances`.

    Returns
    -------
    bool ndarray

    Notes
    -----
    Thresholds are inclusive, and 0.6 px of 3 px is at 0.2 although the quotient's last digit may fall on either
    side: distances up to :data:`AT_THRESHOLD` above the threshold count. That is a billionth of a torso, far below
    anything labelled, so no published figure depends on it.
    """
    return np.asarray(distances, float) <= np.asarray(threshold, float) + AT_THRESHOLD


def pair_length(joints, first: int, second: int) -> np.ndarray:
    """Distance between two joints of each person: a torso, a shoulder width, the tips of a wing.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3) or (N, P, 2)
        True x, y and visible; without the third column a joint is labelled where it is finite.
    first, second : int
        Indices of the two parts.

    Returns
    -------
    ndarray of shape (N,), float64
        In the unit of the joints; NaN where an end is not labelled or both stand on one point.

    Raises
    ------
    ValueError
        If the joints have another shape or lack one of the parts.

    Notes
    -----
    Left shoulder to right hip and right shoulder to left hip differ by up to half a point of PCK on LSP: a report
    has to say which one it took.
    """
    joints, labelled = _labelled(joints)
    for part in (first, second):
        if not 0 <= part < joints.shape[1]:
            raise ValueError(f"joints has parts 0..{joints.shape[1] - 1}; part {part} cannot be an end of the pair")
    known = labelled[:, first] & labelled[:, second]
    length = np.linalg.norm(joints[:, first, :2] - joints[:, second, :2], axis=-1)
    return np.where(known & (length > 0), length, np.nan)


def box_length(joints, *, side: str = "longer") -> np.ndarray:
    """Length of the box of each person's labelled joints.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3) or (N, P, 2)
        As :func:`pair_length` takes them.
    side : {"longer", "diagonal"}
        Longer side of the box (as in Yang and Ramanan's PCK), or its diagonal.

    Returns
    -------
    ndarray of shape (N,), float64
        In the unit of the joints; NaN for people with fewer than two labelled joints.

    Raises
    ------
    ValueError
        If the joints have another shape or `side` is unknown.
    """
    if side not in ("longer", "diagonal"):
        raise ValueError(f"side must be 'longer' or 'diagonal'; got {side!r}")
    joints, labelled = _labelled(joints)
    known = labelled.sum(1) > 1
    low = np.where(labelled[..., None], joints[..., :2], np.inf).min(1)
    high = np.where(labelled[..., None], joints[..., :2], -np.inf).max(1)
    extent = np.where(known[:, None], high, np.nan) - np.where(known[:, None], low, np.nan)
    length = extent.max(-1) if side == "longer" else np.linalg.norm(extent, axis=-1)
    return np.where(known & (length > 0), length, np.nan)


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
    return box_length(joints) if skeleton.reference is None else pair_length(joints, *skeleton.reference)


def _labelled(joints) -> tuple[np.ndarray, np.ndarray]:
    """Joints as floats and which of them are labelled."""
    joints = np.asarray(joints, float)
    if joints.ndim != 3 or joints.shape[-1] not in (2, 3):
        raise ValueError(f"joints must be (N, P, 3): x, y, visible; got shape {joints.shape}")
    labelled = joints[..., 2] > 0 if joints.shape[-1] == 3 else np.isfinite(joints).all(-1)
    return joints, labelled


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

    Notes
    -----
    The length decides the figure: the box of Yang and Ramanan, the torso of the LSP and FLIC tables and the head of
    MPII (:func:`pckh`) give numbers that must not be compared. :func:`pair_length`, :func:`box_length` and
    :func:`head_length` measure them. Exactly at the threshold counts (:func:`within`).

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
    correct = np.stack([within(distances, threshold).sum(0) for threshold in thresholds])
    return np.divide(100.0 * correct, scored, out=np.full(correct.shape, np.nan), where=scored > 0)


def pooled_pck(distances, threshold: float) -> float:
    """PCK over all scored joints together, in [0, 100]; NaN when none is scored."""
    scored = np.isfinite(distances)
    return float(100 * within(distances[scored], threshold).mean()) if scored.any() else float("nan")
