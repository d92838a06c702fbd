"""Distance between contours: curves through landmarks, of which only the course matters, not the place along it."""

from __future__ import annotations

import numpy as np

__all__ = ["contour_distance"]

SAMPLES = 100
"""Points of a contour, at equal distances along it, from which its distance to the other is measured."""


def contour_distance(predicted, truth) -> np.ndarray:
    """Mean distance between two contours: that of each point to the nearest one of the other, both ways averaged.

    Parameters
    ----------
    predicted, truth : ndarray of shape (N, K, 2)
        Successive points of each contour; straight lines join them.

    Returns
    -------
    ndarray of shape (N,)
        In the unit of the points; NaN where a point is not finite.

    Raises
    ------
    ValueError
        If the shapes differ or there are fewer than two points.

    References
    ----------
    .. [1] Wrench and Balch-Tomes, "Beyond the edge: markerless pose estimation of speech articulators from ultrasound
       and camera images using DeepLabCut", Sensors 2022 (mean sum of distances, MSD).
    """
    predicted, truth = np.asarray(predicted, float), np.asarray(truth, float)
    if predicted.shape != truth.shape or predicted.ndim != 3 or predicted.shape[1] < 2 or predicted.shape[2] != 2:
        raise ValueError(
            f"contours must be two arrays (N, K, 2) with K at least 2; got {predicted.shape}, {truth.shape}"
        )
    found = np.full(len(truth), np.nan)
    for index, (one, other) in enumerate(zip(predicted, truth, strict=True)):
        if np.isfinite(one).all() and np.isfinite(other).all():
            found[index] = (_away(_resampled(one), other) + _away(_resampled(other), one)) / 2
    return found


def _resampled(points: np.ndarray) -> np.ndarray:
    """`SAMPLES` points at equal distances along a contour."""
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    places = np.linspace(0, along[-1], SAMPLES)
    return np.stack([np.interp(places, along, points[:, axis]) for axis in (0, 1)], 1)


def _away(points: np.ndarray, contour: np.ndarray) -> float:
    """Mean distance from points to the nearest place on a contour."""
    start, step = contour[:-1], np.diff(contour, axis=0)
    length = np.maximum((step**2).sum(1), 1e-12)
    share = (((points[:, None] - start) * step).sum(-1) / length).clip(0, 1)
    nearest = start + share[..., None] * step
    return float(np.linalg.norm(points[:, None] - nearest, axis=-1).min(1).mean())
