"""Localisation errors, in pixels or relative to the subject's size."""

from __future__ import annotations

import numpy as np

from .._utils.deprecation import renamed_keyword
from .averages import average
from .pck import normalised_distances

__all__ = ["localisation_error", "pixel_distances"]


@renamed_keyword(visible="labelled")
def pixel_distances(predicted, truth, *, labelled=None) -> np.ndarray:
    """Distance between each prediction and the ground truth, in pixels.

    Parameters
    ----------
    predicted, truth : ndarray of shape (N, P, 2)
        Joint (x, y), in pixels of the same frame.
    labelled : bool ndarray of shape (N, P), optional
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
    return normalised_distances(predicted, truth, np.ones(len(np.asarray(predicted))), labelled=labelled)


def localisation_error(distances, *, mean: str = "pooled", statistic: str = "mean") -> float:
    """Mean or median error of the joints.

    Parameters
    ----------
    distances : ndarray of shape (N, P)
        From :func:`pixel_distances`, or from :func:`normalised_distances`; NaN where a joint is not scored.
    mean : {"pooled", "parts"}
        Whether to pool all joints, or to average the statistics of the parts.
    statistic : {"mean", "median"}
        Statistic of the distances.

    Returns
    -------
    float
        In the unit of `distances`; NaN when nothing is scored.

    Raises
    ------
    ValueError
        If the shape is wrong, or `mean` or `statistic` is unknown.

    Notes
    -----
    A joint placed on the wrong person is off by hundreds of pixels, so the mean is dominated by misses and the median
    by hits. Errors in pixels are comparable only within one set of photos; normalise them where subjects differ in
    size.
    """
    if statistic not in ("mean", "median"):
        raise ValueError(f"statistic must be 'mean' or 'median'; got {statistic!r}")
    distances = np.asarray(distances, float)
    if statistic == "mean" or distances.ndim != 2:
        return average(distances, mean=mean)
    if mean == "parts":
        medians = [np.median(column[~np.isnan(column)]) for column in distances.T if not np.isnan(column).all()]
        return float(np.mean(medians)) if medians else float("nan")
    average(distances[:0], mean=mean)  # rejects an unknown `mean`
    scored = distances[~np.isnan(distances)]
    return float(np.median(scored)) if len(scored) else float("nan")
