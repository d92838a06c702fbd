"""Uncertainty of a score: bootstrap over subjects."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..metrics.pck import within

__all__ = [
    "bootstrap_difference",
    "bootstrap_interval",
    "draw_subjects",
    "interval",
    "people_ahead",
    "resampled_ratios",
]


def resampled_ratios(hits, counts, *, n_resamples: int = 1000, random_state: int = 0) -> np.ndarray:
    """Bootstrap ratios of sums over subjects.

    Each resample draws as many subjects as there are, with replacement, each with all of its joints. Any number of
    ratios is resampled at once, with the same subjects for all.

    Parameters
    ----------
    hits : ndarray of shape (N, ...)
        Contribution of each subject to the numerators, e.g. its number of correct joints.
    counts : ndarray of shape (N, ...)
        Contribution of each subject to the denominators; an axis may have length 1 if the denominators are equal along
        it. Subjects that contribute to none are left out first.
    n_resamples : int, default=1000
        Number of resamples, R.
    random_state : int, default=0
        Seed; the same seed and number of subjects draw the same subjects.

    Returns
    -------
    float64 ndarray of shape (R, ...)
        NaN where a denominator is 0.

    Raises
    ------
    ValueError
        If the shapes disagree, a count is negative, or `n_resamples` is not positive.

    Notes
    -----
    A resample of N subjects is a vector of multinomial weights, so all sums are one matrix product. Integers are added
    exactly: in float32 where no sum can reach 2**24, in float64 otherwise.

    References
    ----------
    .. [1] Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    hits, counts = np.asarray(hits), np.asarray(counts)
    if hits.ndim != counts.ndim or not hits.ndim or len(hits) != len(counts):
        raise ValueError(f"hits and counts must both be (N, *S); got {hits.shape} and {counts.shape}")
    shape = np.broadcast_shapes(hits.shape, counts.shape)[1:]
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1; got {n_resamples}")
    if not (counts >= 0).all():
        raise ValueError("every count must be 0 or more")
    people = counts.reshape(len(counts), -1).any(1)
    if not people.any():
        return np.full((n_resamples, *shape), np.nan)
    hits, counts = hits[people], counts[people]
    number = _exact_type(hits, counts)
    drawn = draw_subjects(len(hits), int(n_resamples), int(random_state), number)
    above, below = (
        (drawn @ np.asarray(each.reshape(len(each), -1), number)).reshape(-1, *each.shape[1:])
        for each in (hits, counts)
    )
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0, dtype=np.float64)


def _exact_type(*values: np.ndarray) -> type:
    """Fastest type in which every sum of the given numbers is exact, if any is."""
    whole = all(each.dtype.kind in "bui" for each in values)
    return (
        np.float32
        if whole and max(len(each) * int(abs(each).max(initial=0)) for each in values) < 2**24
        else np.float64
    )


@lru_cache(maxsize=1)
def draw_subjects(n_people: int, n_resamples: int, random_state: int, number: type) -> np.ndarray:
    """How often each resample holds each subject, (n_resamples, n_people); read-only."""
    rng = np.random.default_rng(random_state)
    drawn: np.ndarray = rng.multinomial(n_people, np.full(n_people, 1 / n_people), size=n_resamples).astype(number)
    drawn.flags.writeable = False
    return drawn


def interval(resampled, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of resampled values.

    Parameters
    ----------
    resampled : ndarray of shape (R, ...)
        From :func:`resampled_ratios`; NaN is ignored.
    level : float, default=0.95
        Share of the resamples inside the interval.

    Returns
    -------
    low, high : ndarray of shape (...)
        NaN where a value is NaN in every resample.

    Raises
    ------
    ValueError
        If `level` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, such as 0.95; got {level}")
    resampled = np.asarray(resampled, float)
    ends = [(1 - level) / 2, (1 + level) / 2]
    columns = resampled.reshape(len(resampled), -1)
    missing = np.isnan(columns)
    found = np.full((2, columns.shape[1]), np.nan)
    whole, partly = ~missing.any(0), missing.any(0) & ~missing.all(0)
    found[:, whole] = np.quantile(columns[:, whole], ends, axis=0)
    if partly.any():
        found[:, partly] = np.nanquantile(columns[:, partly], ends, axis=0)
    low, high = found.reshape(2, *resampled.shape[1:])
    return low, high


def bootstrap_interval(
    distances, threshold: float, *, n_resamples: int = 1000, level: float = 0.95, random_state: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the pooled PCK, resampling subjects rather than joints.

    Parameters
    ----------
    distances : ndarray of shape (N, P)
        In units of the reference length; NaN where a joint is not scored.
    threshold : float
    n_resamples : int, default=1000
    level : float, default=0.95
    random_state : int, default=0

    Returns
    -------
    (low, high) : float
        In [0, 100]; NaN if no joint is scored.

    References
    ----------
    .. [1] Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    distances = np.asarray(distances, float)
    ratios = resampled_ratios(
        within(distances, threshold).sum(1),
        np.isfinite(distances).sum(1),
        n_resamples=n_resamples,
        random_state=random_state,
    )
    low, high = interval(100 * ratios, level)
    return float(low), float(high)


def bootstrap_difference(
    distances, other, threshold: float, *, n_resamples: int = 1000, level: float = 0.95, random_state: int = 0
) -> dict:
    """Difference of two machines' pooled PCK on the same subjects, with its paired bootstrap interval.

    Parameters
    ----------
    distances, other : ndarray of shape (N, P)
        One array per machine, as in :func:`bootstrap_interval`; NaN at the same places.
    threshold, n_resamples, level, random_state
        As in :func:`bootstrap_interval`.

    Returns
    -------
    dict
        ``difference`` (first minus other, in points), ``interval`` (low, high) and ``p_bootstrap``: twice the share of
        resamples on the rarer side of 0, where those at 0 count on both sides.

    Raises
    ------
    ValueError
        If the two were not scored on the same joints.
    """
    distances, other = np.asarray(distances, float), np.asarray(other, float)
    if distances.shape != other.shape or (np.isfinite(distances) != np.isfinite(other)).any():
        raise ValueError("the two machines were not scored on the same joints; evaluate both on the same subjects")
    ahead, scored = people_ahead(distances, other, threshold)
    if not scored.any():
        nan = float("nan")
        return {"difference": nan, "interval": (nan, nan), "p_bootstrap": nan}
    drawn = resampled_ratios(ahead, scored, n_resamples=n_resamples, random_state=random_state)
    low, high = interval(100 * drawn, level)
    rarer = min((drawn <= 0).sum(), (drawn >= 0).sum())
    return {
        "difference": round(100 * float(ahead.sum() / scored.sum()), 3),
        "interval": (round(float(low), 3), round(float(high), 3)),
        "p_bootstrap": min(1.0, 2 * (int(rarer) + 1) / (n_resamples + 1)),
    }


def people_ahead(distances, other, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """For each subject, by how many correct joints the first machine leads, and how many joints are scored."""
    distances, other = np.asarray(distances, float), np.asarray(other, float)
    ahead = within(distances, threshold).sum(1) - within(other, threshold).sum(1)
    return ahead, np.isfinite(distances).sum(1)
