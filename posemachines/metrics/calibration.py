"""Calibration: whether predictions with a score of 0.7 are correct seven times in ten."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Reliability", "reliability"]


@dataclass(frozen=True)
class Reliability:
    """Mean score and success rate in each bin of the score: a reliability diagram.

    Attributes
    ----------
    score : ndarray of shape (B,)
        Mean score of each non-empty bin.
    rate : ndarray of shape (B,)
        Fraction of positive outcomes in each bin.
    count : int ndarray of shape (B,)
        Number of cases in each bin.
    error : float
        Expected calibration error (ECE): mean of ``|score - rate|`` over the bins, weighted by `count`.
    """

    score: np.ndarray
    rate: np.ndarray
    count: np.ndarray
    error: float


def reliability(scores, outcomes, *, n_bins: int = 10) -> Reliability:
    """Compare scores in [0, 1] with the rate of positive outcomes.

    Parameters
    ----------
    scores : ndarray of any shape
        In [0, 1].
    outcomes : bool ndarray of the same shape
        Whether each case is positive, e.g. the predicted joint is correct.
    n_bins : int, default=10
        Number of bins of equal width; a score of 1 falls into the last.

    Returns
    -------
    Reliability

    Raises
    ------
    ValueError
        If the shapes differ or are empty, a score is outside [0, 1], or `n_bins` is less than 1.

    References
    ----------
    .. [1] Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.
    """
    scores, outcomes = np.asarray(scores, float).ravel(), np.asarray(outcomes).ravel()
    if scores.shape != outcomes.shape or not len(scores):
        raise ValueError(
            f"scores and outcomes must have the same length, at least 1; got {len(scores)} and {len(outcomes)}"
        )
    if not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError(f"scores must lie in [0, 1]; got {scores.min()} .. {scores.max()}")
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1; got {n_bins}")
    bins = np.minimum((scores * n_bins).astype(int), n_bins - 1)
    count = np.bincount(bins, minlength=n_bins)
    filled = count > 0
    score = np.bincount(bins, scores, n_bins)[filled] / count[filled]
    rate = np.bincount(bins, outcomes.astype(float), n_bins)[filled] / count[filled]
    error = float(np.average(abs(score - rate), weights=count[filled]))
    return Reliability(score, rate, count[filled], error)
