"""Means over subjects and parts, and the area under a curve."""

from __future__ import annotations

import numpy as np

__all__ = ["MEANS", "area_under_curve", "average"]

MEANS = ("pooled", "parts")


def average(values, *, mean: str) -> float:
    """Mean of per-joint values, ignoring NaN, in one of the two ways used in published tables.

    Parameters
    ----------
    values : ndarray of shape (N, P)
        NaN where a joint (or limb) is not scored.
    mean : {"pooled", "parts"}
        ``"pooled"`` averages over all scored joints, so that parts labelled more often weigh more; ``"parts"``
        averages the means of the parts, with equal weights.

    Returns
    -------
    float
        NaN when nothing is scored. ``"parts"`` ignores parts that are never scored.

    Raises
    ------
    ValueError
        If the shape is wrong or `mean` is unknown.

    Notes
    -----
    The two agree where every joint of every subject is scored, as on LSP and FLIC. On MPII they differ by about one
    point, because ankles and knees, which are hard, are labelled least often.
    """
    values = np.asarray(values, float)
    if values.ndim != 2:
        raise ValueError(f"values must be (N, P); got shape {values.shape}")
    if mean not in MEANS:
        raise ValueError(f"mean must be 'pooled' or 'parts'; got {mean!r}")
    scored = ~np.isnan(values)
    if not scored.any():
        return float("nan")
    if mean == "pooled":
        return float(values[scored].mean())
    seen = scored.any(0)
    return float(np.mean([column[kept].mean() for column, kept in zip(values.T[seen], scored.T[seen], strict=True)]))


def area_under_curve(thresholds, values, *, upto: float | None = None):
    """Area under a curve of scores over thresholds, normalised by the range of the thresholds.

    Parameters
    ----------
    thresholds : ndarray of shape (T,)
        At least two, strictly increasing.
    values : ndarray of shape (T,) or (T, ...)
        Scores, in percent.
    upto : float, optional
        Upper limit of the area; values between two thresholds are interpolated. The last threshold by default.

    Returns
    -------
    float, or ndarray with the remaining axes of `values`
        In the unit of `values`: 100 for a curve that is 100 everywhere.

    Raises
    ------
    ValueError
        If the thresholds do not increase, the lengths differ, or `upto` is out of range.

    Notes
    -----
    Trapezoidal rule over ``[thresholds[0], upto]``, divided by the length of that range. This is the convention of
    MPII's evaluation (thresholds 0, 0.01, ..., 0.5 of the head) and of its LSP table (0, 0.01, ..., 0.2 of the
    torso). An AUC over another range, or the mean of the values instead of trapezoids, is not comparable.

    References
    ----------
    .. [1] Andriluka, Pishchulin, Gehler and Schiele, "2D human pose estimation: new benchmark and state of the art
       analysis", CVPR 2014.
    """
    thresholds, values = np.asarray(thresholds, float), np.asarray(values, float)
    if thresholds.ndim != 1 or len(thresholds) < 2 or not (np.diff(thresholds) > 0).all():
        raise ValueError(f"thresholds must be at least two increasing numbers; got {thresholds}")
    if values.shape[:1] != thresholds.shape:
        raise ValueError(
            f"values must have one entry for each of the {len(thresholds)} thresholds; got shape {values.shape}"
        )
    if upto is not None:
        if not thresholds[0] < upto <= thresholds[-1]:
            raise ValueError(f"upto must lie in ({thresholds[0]}, {thresholds[-1]}]; got {upto}")
        after = int(np.searchsorted(thresholds, upto))
        share = (upto - thresholds[after - 1]) / (thresholds[after] - thresholds[after - 1])
        last = values[after - 1] + share * (values[after] - values[after - 1])
        thresholds, values = np.append(thresholds[:after], upto), np.concatenate([values[:after], last[None]])
    area = np.tensordot(np.diff(thresholds), (values[1:] + values[:-1]) / 2, axes=1)
    area = np.clip(area / (thresholds[-1] - thresholds[0]), values.min(0), values.max(0))  # 100 stays 100
    return float(area) if values.ndim == 1 else area
