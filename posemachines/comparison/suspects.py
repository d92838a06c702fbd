"""Labels that machines trained without them contradict."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["suspect_labels"]

FAR, NEAR = 6.0, 2.5  # times the usual error: how far from the label, and how close to each other
MOST = 30


def suspect_labels(predicted: Mapping[str, np.ndarray], truth: np.ndarray) -> list[dict]:
    """Labels from which every machine is far away, while the machines agree on another place.

    Parameters
    ----------
    predicted : dict of str to ndarray of shape (N, P, 2)
        At least two machines of different kinds, each prediction by a machine that had not seen the subject.
    truth : ndarray of shape (N, P, 3)

    Returns
    -------
    list of dict
        ``subject``, ``part`` (indices), ``distance`` from the label to the mean of the predictions and ``usual``, the
        median error of the part, in the units of `truth`; the most distant first, at most 30.

    Notes
    -----
    Far is six times, and close 2.5 times, the median error of the part over all subjects and machines.
    """
    if len(predicted) < 2:
        return []
    labelled = truth[..., 2] > 0
    stack = np.stack([np.asarray(each, float) for each in predicted.values()])
    errors = np.linalg.norm(stack - truth[None, ..., :2], axis=-1)
    errors[:, ~labelled] = np.nan
    usual = np.array([_median(errors[:, :, part]) for part in range(truth.shape[1])])
    middle = stack.mean(0)
    spread = np.linalg.norm(stack - middle, axis=-1).max(0)
    with np.errstate(invalid="ignore"):
        odd = labelled & (errors.min(0) > FAR * usual) & (spread < NEAR * usual)
    apart = np.linalg.norm(middle - truth[..., :2], axis=-1)
    found = [
        {"subject": int(n), "part": int(p), "distance": float(apart[n, p]), "usual": float(usual[p])}
        for n, p in zip(*np.nonzero(odd), strict=True)
    ]
    return sorted(found, key=lambda one: -one["distance"] / one["usual"])[:MOST]


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else np.nan
