"""Radial errors: how far predicted joints lie from the labels, in units that a reader knows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["radial_errors", "success_rates"]


def radial_errors(predicted, truth) -> np.ndarray:
    """Distance of each joint from its label.

    Parameters
    ----------
    predicted : ndarray of shape (..., N, P, 2)
        x, y in pixels of the photo; leading axes are repeats or stages.
    truth : ndarray of shape (N, P, 3)
        x, y in pixels of the photo, and labelled.

    Returns
    -------
    float64 ndarray of shape (..., N, P)
        In pixels; NaN where nothing is labelled, infinity where a labelled joint was not predicted.

    Raises
    ------
    ValueError
        If the shapes disagree.

    Examples
    --------
    >>> radial_errors([[[3.0, 4.0], [1.0, 1.0]]], [[[0.0, 0.0, 1], [0.0, 0.0, 0]]])
    array([[ 5., nan]])
    """
    predicted, truth = np.asarray(predicted, float), np.asarray(truth, float)
    if truth.ndim != 3 or truth.shape[-1] != 3 or predicted.shape[-3:] != (*truth.shape[:2], 2):
        raise ValueError(
            f"predicted must be (..., N, P, 2) and truth (N, P, 3); got {predicted.shape} and {truth.shape}"
        )
    errors = np.linalg.norm(predicted - truth[..., :2], axis=-1)
    errors[~np.isfinite(errors)] = np.inf
    return np.where(truth[..., 2] > 0, errors, np.nan)


def success_rates(errors, thresholds: Sequence[float]) -> np.ndarray:
    """Percentage of joints whose error does not exceed a threshold (success detection rate).

    Parameters
    ----------
    errors : ndarray
        From :func:`radial_errors`, in any unit; NaN is not counted, infinity is a failure.
    thresholds : sequence of T float
        In the same unit; a joint exactly at the threshold counts.

    Returns
    -------
    ndarray of shape (T,)
        In [0, 100]; NaN if no joint is labelled.
    """
    known = np.asarray(errors, float)
    known = known[~np.isnan(known)]
    if not len(known):
        return np.full(len(thresholds), np.nan)
    return np.array([100.0 * np.mean(known <= threshold) for threshold in thresholds])
