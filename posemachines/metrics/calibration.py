"""Calibration: whether a belief of 0.7 comes true seven times in ten."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Reliability", "reliability"]


@dataclass(frozen=True)
class Reliability:
    """Scores against outcomes, in bins of the score.

    Attributes
    ----------
    score : ndarray of shape (B,)
        Mean score of each bin that is not empty.
    rate : ndarray of shape (B,)
        Share of its cases that came true.
    count : int ndarray of shape (B,)
    error : float
        Expected calibration error: mean of ``|score - rate|``, bins weighted by their counts.
    """

    score: np.ndarray
    rate: np.ndarray
    count: np.ndarray
    error: float


def reliability(scores, outcomes, *, n_bins: int = 10) -> Reliability:
    """Reliability of scores in [0, 1].

    Parameters
    ----------
    scores : ndarray of any shape
        In [0, 1].
    outcomes : bool ndarray of the same shape
        Whether each came true.
    n_bins : int, default=10
        Bins of equal width; a score of 1 is in the last.

    Returns
    -------
    Reliability

    Raises
    ------
    ValueError
        If the shapes differ, nothing is given, a score is outside [0, 1], or there is no bin.

    References
    ----------
    .. [1] Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.
    """
    scores, outcomes = np.asarray(scores, float).ravel(), np.asarray(outcomes).ravel()
    if scores.shape != outcomes.shape or not len(scores):
        raise ValueError(f"scores and outcomes must be as many, and some; got {len(scores)} and {len(outcomes)}")
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
