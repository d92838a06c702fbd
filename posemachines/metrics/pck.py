"""Percentage of correct keypoints (PCK); a keypoint is what this library calls a joint."""

from __future__ import annotations

import numpy as np

from .._utils.deprecation import renamed_keyword
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
"""Tolerance for rounding: a normalised distance may exceed the threshold by this much and still count."""


def within(distances, threshold) -> np.ndarray:
    """Whether normalised distances are at most a threshold; False for NaN.

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
    Thresholds are inclusive. A distance of 0.6 px with a reference length of 3 px is exactly 0.2, but the
    floating-point quotient may be slightly larger, so distances up to :data:`AT_THRESHOLD` above the threshold count.
    That is a billionth of a torso, far less than the precision of any label, so no published figure depends on it.
    """
    return np.asarray(distances, float) <= np.asarray(threshold, float) + AT_THRESHOLD


def pair_length(joints, first: int, second: int) -> np.ndarray:
    """Distance between two joints of each subject, such as the length of the torso or of a wing.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3) or (N, P, 2)
        Ground-truth x, y and labelled; without the third column, finite joints count as labelled.
    first, second : int
        Indices of the two parts.

    Returns
    -------
    ndarray of shape (N,), float64
        In the unit of the joints; NaN where a joint is not labelled or the two coincide.

    Raises
    ------
    ValueError
        If `joints` has the wrong shape or does not have one of the parts.

    Notes
    -----
    On LSP, left shoulder to right hip and right shoulder to left hip differ by up to half a point of PCK, so a report
    has to say which one was used.
    """
    joints, labelled = _labelled(joints)
    for part in (first, second):
        if not 0 <= part < joints.shape[1]:
            raise ValueError(f"joints has parts 0..{joints.shape[1] - 1}; there is no part {part}")
    known = labelled[:, first] & labelled[:, second]
    length = np.linalg.norm(joints[:, first, :2] - joints[:, second, :2], axis=-1)
    return np.where(known & (length > 0), length, np.nan)


def box_length(joints, *, side: str = "longer") -> np.ndarray:
    """Size of the bounding box of each subject's labelled joints.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3) or (N, P, 2)
        As in :func:`pair_length`.
    side : {"longer", "diagonal"}
        The longer side of the box (as in Yang and Ramanan's PCK), or its diagonal.

    Returns
    -------
    ndarray of shape (N,), float64
        In the unit of the joints; NaN for subjects with fewer than two labelled joints.

    Raises
    ------
    ValueError
        If `joints` has the wrong shape or `side` is unknown.
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
    """Reference length of each subject, by which distances are divided.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3)
        Ground-truth x, y and labelled.
    skeleton : Skeleton
        The length is that between the joints of its `reference` pair (the torso: left shoulder to right hip);
        without one, it is the longer side of the bounding box of the labelled joints.

    Returns
    -------
    ndarray of shape (N,), float64
        In the unit of the joints; NaN where it cannot be measured; such subjects are not scored.
    """
    return box_length(joints) if skeleton.reference is None else pair_length(joints, *skeleton.reference)


def _labelled(joints) -> tuple[np.ndarray, np.ndarray]:
    """Joints as floats, and which of them are labelled."""
    joints = np.asarray(joints, float)
    if joints.ndim != 3 or joints.shape[-1] not in (2, 3):
        raise ValueError(f"joints must be (N, P, 3): x, y, labelled; got shape {joints.shape}")
    labelled = joints[..., 2] > 0 if joints.shape[-1] == 3 else np.isfinite(joints).all(-1)
    return joints, labelled


@renamed_keyword(visible="labelled")
def normalised_distances(predicted, truth, scale, *, labelled=None) -> np.ndarray:
    """Distance between each prediction and the ground truth, relative to the subject's reference length.

    Parameters
    ----------
    predicted, truth : ndarray of shape (N, P, 2)
        Joint (x, y), in pixels of the same frame.
    scale : ndarray of shape (N,)
        Reference length of each subject, in pixels; NaN excludes the subject.
    labelled : bool ndarray of shape (N, P), optional
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
        raise ValueError(f"scale must be ({len(predicted)},), one length per subject; got {scale.shape}")
    if np.isinf(scale).any() or (scale <= 0).any():
        raise ValueError("every scale must be positive and finite, or NaN to exclude the subject")
    shape = predicted.shape[:2]
    scored = np.ones(shape, bool) if labelled is None else np.asarray(labelled).astype(bool)
    if scored.shape != shape:
        raise ValueError(f"labelled must be {shape}; got {scored.shape}")
    scored = scored & np.isfinite(scale)[:, None]
    if not (np.isfinite(predicted[scored]).all() and np.isfinite(truth[scored]).all()):
        raise ValueError("a scored joint has a coordinate that is not finite; mark it as not labelled")
    distance = np.full(shape, np.nan)
    distance[scored] = (np.linalg.norm(predicted - truth, axis=-1) / np.where(np.isfinite(scale), scale, 1)[:, None])[
        scored
    ]
    return distance


@renamed_keyword(visible="labelled")
def pck(predicted, truth, scale, *, threshold: float = 0.2, labelled=None) -> np.ndarray:
    """Percentage of correct keypoints, part by part.

    A part is correct when ``distance <= threshold * scale`` (inclusive).

    Parameters
    ----------
    predicted, truth : ndarray of shape (N, P, 2)
        Joint (x, y), in pixels of the same frame.
    scale : ndarray of shape (N,)
        Reference length of each subject, in pixels (torso for PCK, head for PCKh); NaN excludes the subject.
    threshold : float, default=0.2
        Fraction of `scale`.
    labelled : bool ndarray of shape (N, P), optional
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
    The result depends strongly on the reference length: PCK relative to the box (Yang and Ramanan), to the torso (the
    tables of LSP and FLIC) and to the head (MPII, :func:`pckh`) are not comparable. :func:`pair_length`,
    :func:`box_length` and :func:`head_length` measure these lengths. A distance exactly at the threshold counts as
    correct (see :func:`within`).

    References
    ----------
    .. [1] Yang and Ramanan, "Articulated human detection with flexible mixtures of parts", TPAMI 2013.
    """
    return pck_curve(normalised_distances(predicted, truth, scale, labelled=labelled), [threshold])[0]


def pck_curve(distances, thresholds) -> np.ndarray:
    """PCK at several thresholds.

    Parameters
    ----------
    distances : ndarray of shape (N, P)
        From :func:`normalised_distances`; NaN where a joint is not scored.
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
    """PCK over all scored joints, pooled, in [0, 100]; NaN when none is scored."""
    scored = np.isfinite(distances)
    return float(100 * within(distances[scored], threshold).mean()) if scored.any() else float("nan")
