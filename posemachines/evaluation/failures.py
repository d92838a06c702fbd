"""Where a machine fails: what kind of error each joint is, and whether its beliefs say so."""

from __future__ import annotations

import numpy as np

from .._checks import check_joints
from ..metrics import normalised_distances, reliability
from ..metrics.pck import within
from ..skeleton import Skeleton
from .uncertainty import interval, resampled_ratios

__all__ = ["ERROR_TYPES", "calibration", "error_shares", "error_types"]

ERROR_TYPES = ("good", "jitter", "left-right swap", "other person", "miss")
"""What the codes of :func:`error_types` stand for."""
NOT_SCORED = -1
N_BINS = 10


def error_types(
    predicted,
    truth,
    scale,
    skeleton: Skeleton,
    *,
    others=None,
    threshold: float = 0.2,
    jitter: float = 0.5,
) -> np.ndarray:
    """Kind of error of every joint; each joint is of exactly one.

    In this order, the first that fits:

    * *good*: within `threshold` of the true joint;
    * *left-right swap*: within `threshold` of the same person's labelled joint of the other side;
    * *other person*: within `threshold` of another labelled person's joint of this part or of its other side; where a
      swap fits, too, the nearer joint decides;
    * *jitter*: within `jitter` of the true joint;
    * *miss*: anything else.

    Parameters
    ----------
    predicted : ndarray of shape (N, P, 2)
        x, y, in the frame of `truth`.
    truth : ndarray of shape (N, P, 3)
        x, y, visible.
    scale : ndarray of shape (N,)
        Reference length of each person, in pixels; NaN leaves the person out.
    skeleton : Skeleton
        Its `pairs` are the sides.
    others : ndarray of shape (N, K, P, 3), optional
        Joints of further people in the photo of each person, in the same frame; not visible where there are fewer.
        Without them nothing is called *other person*.
    threshold, jitter : float, default=0.2 and 0.5
        Fractions of the scale, inclusive.

    Returns
    -------
    int8 ndarray of shape (N, P)
        Index into :data:`ERROR_TYPES`; -1 where the joint is not scored.

    Raises
    ------
    ValueError
        If shapes disagree or `jitter` is less than `threshold`.

    Notes
    -----
    After [1]_, who call them good, jitter, inversion, swap and miss, with distances by PCK in place of OKS: *good* is
    what PCK counts as correct, so its share is the PCK. Two more deviations: a confusion is claimed only where the
    joint would be correct as the other one, and it is asked for before jitter, because hips and shoulders lie within
    half a torso of their other side, so that a perfect swap of them would pass as jitter. Where the other side is not
    labelled, a swap cannot be seen.

    References
    ----------
    .. [1] Ronchi and Perona, "Benchmarking and error diagnosis in multi-instance pose estimation", ICCV 2017.
    """
    if not 0 < threshold <= jitter:
        raise ValueError(f"threshold must be positive and jitter not smaller; got {threshold} and {jitter}")
    predicted, truth = np.asarray(predicted, float), check_joints(truth, n_parts=skeleton.n_parts)
    scale = np.asarray(scale, float)
    own = normalised_distances(predicted, truth[..., :2], scale, visible=truth[..., 2] > 0)
    order = list(skeleton.flip_order)
    opposite = _distances(predicted, truth[:, order], scale)
    opposite[:, [part == side for part, side in enumerate(order)]] = np.inf
    another = np.full(own.shape, np.inf)
    if others is not None:
        for person in np.moveaxis(_check_others(others, truth.shape), 1, 0):
            for joints in (person, person[:, order]):
                another = np.minimum(another, _distances(predicted, joints, scale))
    codes = np.full(own.shape, ERROR_TYPES.index("miss"), np.int8)
    codes[within(own, jitter)] = ERROR_TYPES.index("jitter")
    codes[within(another, threshold)] = ERROR_TYPES.index("other person")
    codes[within(opposite, threshold) & (opposite <= another)] = ERROR_TYPES.index("left-right swap")
    codes[within(own, threshold)] = ERROR_TYPES.index("good")
    codes[np.isnan(own)] = NOT_SCORED
    return codes


def _check_others(others, shape: tuple[int, ...]) -> np.ndarray:
    others = np.asarray(others)
    if others.ndim != 4 or others.shape[0] != shape[0] or others.shape[2] != shape[1]:
        raise ValueError(f"others must be (N, K, P, 3) with N = {shape[0]} and P = {shape[1]}; got {others.shape}")
    flat = others.reshape(-1, *others.shape[2:])
    return check_joints(flat).reshape(*others.shape[:3], 3) if len(flat) else np.zeros((*others.shape[:3], 3))


def _distances(predicted: np.ndarray, joints: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Normalised distances (N, P) to joints (N, P, 3), infinite where those are not labelled."""
    far = np.linalg.norm(predicted - joints[..., :2], axis=-1) / np.where(np.isfinite(scale), scale, 1)[:, None]
    return np.where(joints[..., 2] > 0, far, np.inf)


def error_shares(codes, *, n_resamples: int = 1000, random_state: int = 0) -> dict:
    """Share of every kind of error, over all joints and part by part, with intervals.

    Parameters
    ----------
    codes : int ndarray of shape (N, P)
        From :func:`error_types`.
    n_resamples, random_state
        As in :func:`.resampled_ratios`.

    Returns
    -------
    dict
        ``types`` (the names); ``share`` in [0, 100] and ``interval`` ([low, high]), an entry a type; ``parts`` and
        ``part_intervals``, such a list a part. None where nothing is scored.
    """
    codes = np.asarray(codes)
    of_type = codes[..., None] == np.arange(len(ERROR_TYPES))  # (N, P, E)
    scored = (codes != NOT_SCORED)[..., None]
    settings = {"n_resamples": n_resamples, "random_state": random_state}
    pooled = interval(100 * resampled_ratios(of_type.sum(1), scored.sum(1), **settings))
    by_part = interval(100 * resampled_ratios(of_type, scored, **settings))
    shares = _shares(of_type.sum((0, 1)), scored.sum((0, 1)))
    part_shares = _shares(of_type.sum(0), scored.sum(0))
    known = scored.any(0)[:, 0]
    return {
        "types": list(ERROR_TYPES),
        "share": shares.tolist() if known.any() else None,
        "interval": _pairs(*pooled) if known.any() else None,
        "parts": [row.tolist() if some else None for row, some in zip(part_shares, known, strict=True)],
        "part_intervals": [
            _pairs(low, high) if some else None for low, high, some in zip(*by_part, known, strict=True)
        ],
    }


def _shares(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.round(100 * above / np.maximum(below, 1), 2)


def _pairs(low: np.ndarray, high: np.ndarray) -> list[list[float]]:
    return np.round(np.stack([low, high], -1), 2).tolist()


def calibration(
    scores, distances, *, threshold: float = 0.2, n_bins: int = N_BINS, n_resamples: int = 1000, random_state: int = 0
) -> dict | None:
    """Reliability of a machine's scores: how often the joint is right, by the belief at it.

    Parameters
    ----------
    scores : ndarray of shape (N, P)
        Belief at each predicted joint. What lies outside [0, 1] counts as 0 or 1: maps of nets are not bounded.
    distances : ndarray of shape (N, P)
        In units of the reference length; NaN where a joint is not scored.
    threshold : float, default=0.2
        Up to which a joint is right.
    n_bins : int, default=10
        Bins of the score, of equal width.
    n_resamples, random_state
        As in :func:`.resampled_ratios`.

    Returns
    -------
    dict or None
        ``threshold``; for each bin that is not empty, mean ``score``, ``rate`` of right joints, ``rate_interval`` and
        ``count``; the expected calibration ``error`` and ``error_interval``. All in [0, 1]. None when nothing is
        scored.

    Raises
    ------
    ValueError
        If the shapes differ, or a score of a joint that is scored is not finite.

    Notes
    -----
    Absolute values make the calibration error grow with the noise, in a resample more than in the data. Its interval is
    therefore the reverse percentile one, twice the figure less the percentiles, cut at 0.

    References
    ----------
    .. [1] Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.
    """
    scores, distances = np.asarray(scores, float), np.asarray(distances, float)
    if scores.shape != distances.shape:
        raise ValueError(f"scores must be {distances.shape}, one a joint; got {scores.shape}")
    known = np.isfinite(distances)
    if not known.any():
        return None
    if not np.isfinite(scores[known]).all():
        raise ValueError("the score of a scored joint is not finite")
    scores, right = np.clip(scores, 0, 1), within(distances, threshold)
    curve = reliability(scores[known], right[known], n_bins=n_bins)
    bins = np.where(known, np.minimum(np.where(known, scores, 0) * n_bins, n_bins - 1).astype(int), -1)
    filled = np.unique(bins[known])
    members = bins[..., None] == filled  # (N, P, B)
    settings = {"n_resamples": n_resamples, "random_state": random_state}
    rates = interval(resampled_ratios((members & right[..., None]).sum(1), members.sum(1), **settings))
    gaps = (members * np.where(known, scores - right, 0)[..., None]).sum(1)
    low, high = interval(abs(resampled_ratios(gaps, known.sum(1, keepdims=True), **settings)).sum(1))
    return {
        "threshold": threshold,
        "score": np.round(curve.score, 4).tolist(),
        "rate": np.round(curve.rate, 4).tolist(),
        "rate_interval": np.round(np.stack(rates, -1), 4).tolist(),
        "count": curve.count.tolist(),
        "error": round(curve.error, 4),
        "error_interval": [round(max(2 * curve.error - float(end), 0.0), 4) for end in (high, low)],
    }
