"""Where a machine fails: the kind of error of each joint, and whether the beliefs predict it."""

from __future__ import annotations

import numpy as np

from .._utils.checks import check_joints
from ..metrics import normalised_distances, reliability
from ..metrics.pck import within
from ..skeleton import Skeleton
from .uncertainty import interval, resampled_ratios

__all__ = ["ERROR_TYPES", "calibration", "error_shares", "error_types"]

ERROR_TYPES = ("good", "jitter", "left-right swap", "other person", "miss")
"""Names of the codes of :func:`error_types`."""
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
    """Classify the error of every joint into exactly one type.

    The first that applies, in this order:

    * *good*: within `threshold` of the true joint;
    * *left-right swap*: within `threshold` of the subject's own labelled joint of the other side;
    * *other person*: within `threshold` of another labelled subject's joint of this part, or of its counterpart on the
      other side; if *left-right swap* applies too, the nearer joint decides;
    * *jitter*: within `jitter` of the true joint;
    * *miss*: anything else.

    Parameters
    ----------
    predicted : ndarray of shape (N, P, 2)
        x, y, in the frame of `truth`.
    truth : ndarray of shape (N, P, 3)
        x, y, labelled.
    scale : ndarray of shape (N,)
        Reference length of each subject, in pixels; NaN leaves the subject out.
    skeleton : Skeleton
        Its `pairs` define the sides.
    others : ndarray of shape (N, K, P, 3), optional
        Joints of the other subjects in each photo, in the same frame, padded with unlabelled joints. Without it, no
        joint is classified as *other person*.
    threshold, jitter : float, default=0.2 and 0.5
        Fractions of the scale, inclusive.

    Returns
    -------
    int8 ndarray of shape (N, P)
        Index into :data:`ERROR_TYPES`; -1 where a joint is not scored.

    Raises
    ------
    ValueError
        If shapes disagree or `jitter` is smaller than `threshold`.

    Notes
    -----
    After [1]_, whose names are good, jitter, inversion, swap and miss, but with PCK's distances instead of OKS: *good*
    is what PCK counts as correct, so its share equals the PCK. There are two more deviations. A confusion counts only
    if the joint would be correct as the other one. And confusions are checked before jitter: left and right hips or
    shoulders are less than half a torso apart, so a perfect swap of them would pass as jitter. A swap is not detected
    where the other side is not labelled.

    References
    ----------
    .. [1] Ronchi and Perona, "Benchmarking and error diagnosis in multi-instance pose estimation", ICCV 2017.
    """
    if not 0 < threshold <= jitter:
        raise ValueError(f"threshold must be positive and jitter not smaller; got {threshold} and {jitter}")
    predicted, truth = np.asarray(predicted, float), check_joints(truth, n_parts=skeleton.n_parts)
    scale = np.asarray(scale, float)
    own = normalised_distances(predicted, truth[..., :2], scale, labelled=truth[..., 2] > 0)
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
    """Normalised distances (N, P) to joints (N, P, 3), infinite where these are not labelled."""
    far = np.linalg.norm(predicted - joints[..., :2], axis=-1) / np.where(np.isfinite(scale), scale, 1)[:, None]
    return np.where(joints[..., 2] > 0, far, np.inf)


def error_shares(codes, *, n_resamples: int = 1000, random_state: int = 0) -> dict:
    """Share of each type of error, over all joints and part by part, with intervals.

    Parameters
    ----------
    codes : int ndarray of shape (N, P)
        From :func:`error_types`.
    n_resamples, random_state
        As in :func:`.resampled_ratios`.

    Returns
    -------
    dict
        ``types`` (the names); ``share`` in [0, 100] and ``interval`` ([low, high]), one entry per type; ``parts`` and
        ``part_intervals``, one such list per part. None where nothing is scored.
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
    """Reliability of a machine's scores: how often a joint is correct, given the belief at it.

    Parameters
    ----------
    scores : ndarray of shape (N, P)
        Belief at each predicted joint. Values are clipped to [0, 1], since the outputs of nets are not bounded.
    distances : ndarray of shape (N, P)
        In units of the reference length; NaN where a joint is not scored.
    threshold : float, default=0.2
        Up to this distance a joint is correct.
    n_bins : int, default=10
        Number of bins of equal width.
    n_resamples, random_state
        As in :func:`.resampled_ratios`.

    Returns
    -------
    dict or None
        ``threshold``; for each non-empty bin, mean ``score``, ``rate`` of correct joints, ``rate_interval`` and
        ``count``; the expected calibration ``error`` and its ``error_interval``. All in [0, 1]. None if nothing is
        scored.

    Raises
    ------
    ValueError
        If the shapes differ, or the score of a scored joint is not finite.

    Notes
    -----
    Taking absolute values biases the calibration error upwards, and more so in a resample than in the data. Its
    interval is therefore the reverse percentile interval (twice the estimate minus the percentiles), clipped at 0.

    References
    ----------
    .. [1] Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.
    """
    scores, distances = np.asarray(scores, float), np.asarray(distances, float)
    if scores.shape != distances.shape:
        raise ValueError(f"scores must be {distances.shape}, one per joint; got {scores.shape}")
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
