"""Shares of classes: targets of samples that belong to several classes in part."""

from __future__ import annotations

import numpy as np

from .boosting_parameters import SMALLEST_SHARE

__all__ = ["check_shares", "complete_shares", "draw_classes", "initial_scores"]


def check_shares(shares, unknown, n: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Shares as float32 (n, C), and which are unknown, bool (n, C) or None; ValueError if they are malformed."""
    shares = np.asarray(shares, np.float32)
    if shares.ndim != 2 or len(shares) != n or not (shares >= 0).all() or not np.allclose(shares.sum(1), 1, atol=1e-3):
        raise ValueError(
            f"shares must be (n, C) = ({n}, C), not negative, and sum to 1 in each row; got shape {shares.shape}"
        )
    if unknown is None:
        return shares, None
    unknown = np.asarray(unknown, bool)
    if unknown.shape != shares.shape:
        raise ValueError(f"unknown must have the shape of shares, {shares.shape}; got {unknown.shape}")
    return shares, unknown


def complete_shares(shares: np.ndarray, unknown: np.ndarray, believed: np.ndarray) -> np.ndarray:
    """Shares whose unknown entries divide their sum in proportion to the believed ones.

    Parameters
    ----------
    shares : float32 ndarray of shape (n, C)
    unknown : bool ndarray of shape (n, C)
    believed : float32 ndarray of shape (n, C)
        Probabilities of the model that is being trained.

    Returns
    -------
    float32 ndarray of shape (n, C)

    Notes
    -----
    The gradient of the log loss with these targets is that of the likelihood of the sum.
    """
    hidden = np.where(unknown, believed, 0)
    total = np.where(unknown, shares, 0).sum(1, keepdims=True)
    return np.where(unknown, hidden * (total / np.maximum(hidden.sum(1, keepdims=True), 1e-12)), shares)


def draw_classes(shares: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """A class (n,) for each sample, drawn with its shares (n, C) as probabilities."""
    passed = random.random_sample((len(shares), 1)) >= shares.cumsum(1)
    return np.minimum(passed.sum(1), shares.shape[1] - 1)


def initial_scores(totals: np.ndarray) -> np.ndarray:
    """Scores (C,), float32, of a model that knows only the total weights (C,) of the classes."""
    return np.log(np.maximum(totals / totals.sum(), SMALLEST_SHARE)).astype(np.float32)
