"""How far off predictions are, in pixels or in units of the person."""

from __future__ import annotations

import numpy as np

from .averages import average
from .pck import normalised_distances

__all__ = ["localisation_error", "pixel_distances"]


def pixel_distances(predicted, truth, *, visible=None) -> np.ndarray:
    """Distance of each prediction from the truth, in pixels.

    Parameters
    ----------
    predicted, truth : ndarray of shape (N, P, 2)
        x, y in one frame, in pixels.
    visible : bool ndarray of shape (N, P), optional
        Joints to score; all of them by default.

    Returns
    -------
    ndarray of shape (N, P)
        NaN where the joint is not scored.

    Raises
    ------
    ValueError
        If shapes disagree or a scored coordinate is not finite.
    """
    return normalised_distances(predicted, truth, np.ones(len(np.asarray(predicted))), visible=visible)


def localisation_error(distances, *, mean: str = "pooled", statistic: str = "mean") -> float:
    """Mean or median error of joints.

    Parameters
    ----------
    distances : ndarray of shape (N, P)
        From :func:`pixel_distances`, or from :func:`normalised_distances`; NaN where a joint is not scored.
    mean : {"pooled", "parts"}
        The statistic of all joints together, or the mean of each part's.
    statistic : {"mean", "median"}
        Of the distances.

    Returns
    -------
    float
        In the unit of `distances`; NaN when nothing is scored.

    Raises
    ------
    ValueError
        If the shape is another or a choice unknown.

    Notes
    -----
    One joint on another person is off by hundreds of pixels: a mean speaks of the misses, a median of the hits.
    Errors in pixels compare only within one set of photos; normalise where people differ in size.
    """
    if statistic not in ("mean", "median"):
        raise ValueError(f"statistic must be 'mean' or 'median'; got {statistic!r}")
    distances = np.asarray(distances, float)
    if statistic == "mean" or distances.ndim != 2:
        return average(distances, mean=mean)
    if mean == "parts":
        medians = [np.median(column[~np.isnan(column)]) for column in distances.T if not np.isnan(column).all()]
        return float(np.mean(medians)) if medians else float("nan")
    average(distances[:0], mean=mean)  # refuses an unknown choice
    scored = distances[~np.isnan(distances)]
    return float(np.median(scored)) if len(scored) else float("nan")
