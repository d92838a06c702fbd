"""Means over people and parts, and the area under a curve."""

from __future__ import annotations

import numpy as np

__all__ = ["MEANS", "area_under_curve", "average"]

MEANS = ("pooled", "parts")


def average(values, *, mean: str) -> float:
    """Mean of values per person and part, NaN left out, in one of the two ways that tables use.

    Parameters
    ----------
    values : ndarray of shape (N, P)
        NaN where a joint (or limb) is not scored.
    mean : {"pooled", "parts"}
        Over all scored joints together, so that a part weighs as much as it is labelled; or over the means of the
        parts, each of the same weight.

    Returns
    -------
    float
        NaN when nothing is scored. A part that is never scored has no say in ``"parts"``.

    Raises
    ------
    ValueError
        If the shape is another or `mean` unknown.

    Notes
    -----
    Both agree where every joint of everybody is scored, as on LSP and FLIC. On MPII they differ by about a point:
    ankles and knees, the hard ones, are labelled least.
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
    """Area under a curve of scores over thresholds, divided by the range of the thresholds.

    Parameters
    ----------
    thresholds : ndarray of shape (T,)
        Rising, at least two of them.
    values : ndarray of shape (T,) or (T, ...)
        Scores, in percent.
    upto : float, optional
        Ends the area at this threshold (values between two thresholds are interpolated); the last one by default.

    Returns
    -------
    float, or ndarray of the remaining axes of `values`
        In the unit of `values`: 100 for a curve that is 100 everywhere.

    Raises
    ------
    ValueError
        If the thresholds do not rise, the numbers differ, or `upto` lies outside.

    Notes
    -----
    Trapezoids over ``[thresholds[0], upto]``, divided by that length. This is the convention of MPII's evaluation
    (thresholds 0, 0.01 .. 0.5 of the head), and of its LSP table (0, 0.01 .. 0.2 of the torso). AUCs over another
    range, or with the mean of the values instead of the trapezoids, are other numbers under the same name.

    References
    ----------
    .. [1] Andriluka, Pishchulin, Gehler and Schiele, "2D human pose estimation: new benchmark and state of the art
       analysis", CVPR 2014.
    """
    thresholds, values = np.asarray(thresholds, float), np.asarray(values, float)
    if thresholds.ndim != 1 or len(thresholds) < 2 or not (np.diff(thresholds) > 0).all():
        raise ValueError(f"thresholds must be at least two numbers that rise; got {thresholds}")
    if values.shape[:1] != thresholds.shape:
        raise ValueError(f"values must have one entry for each of {len(thresholds)} thresholds; got {values.shape}")
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
