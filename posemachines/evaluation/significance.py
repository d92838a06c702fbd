"""Whether one machine is better than another, or the difference may be chance: paired tests over people."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from .uncertainty import bootstrap_difference, people_ahead

__all__ = ["compare_machines", "holm", "wilcoxon"]

LEVEL_OF_SIGNIFICANCE = 0.05
_FEW = 12  # differences for which all signs are tried


def compare_machines(
    distances: Mapping[str, np.ndarray],
    thresholds: Sequence[float] = (0.1, 0.2),
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    random_state: int = 0,
) -> list[dict]:
    """Every pair of machines at every threshold: difference, interval, and whether it may be called a win.

    Parameters
    ----------
    distances : dict of ndarray of shape (N, P)
        By name of the machine: distances of the same people, as in :func:`bootstrap_interval`.
    thresholds : sequence of float, default=(0.1, 0.2)
    n_resamples, level, random_state
        As in :func:`bootstrap_interval`.

    Returns
    -------
    list of dict
        For a machine and each that stands before it, threshold after threshold: ``a`` (the later one), ``b``,
        ``threshold`` (text), ``difference`` (points of `a` over `b`), ``interval``, ``p_bootstrap``, ``p_wilcoxon``,
        ``p_holm`` (the Wilcoxon p after Holm's correction), ``family`` (over how many comparisons: all pairs times all
        thresholds of the call), ``n_people``, and ``significant``: `p_holm` is below 0.05, the interval excludes 0, and
        both speak for the same machine.

    Raises
    ------
    ValueError
        If the machines were not scored on the same joints.

    Notes
    -----
    The two tests ask different things. The bootstrap is about the difference of the pooled PCK itself; the Wilcoxon
    test about the differences of single people in their share of correct joints, each person counting as one. The p of
    the bootstrap cannot be below 2 / (`n_resamples` + 1), so it is not the one that is corrected for many comparisons.

    References
    ----------
    .. [1] Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1945.
    .. [2] Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979.
    .. [3] Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 2006.
    """
    found, towards = [], []
    names = list(distances)
    pairs = [(a, b) for later, a in enumerate(names) for b in names[:later]]
    for (a, b), threshold in itertools.product(pairs, thresholds):
        result = bootstrap_difference(
            distances[a], distances[b], threshold, n_resamples=n_resamples, level=level, random_state=random_state
        )
        ahead, scored = people_ahead(distances[a], distances[b], threshold)
        some = scored > 0
        shares = ahead[some] / scored[some]
        result |= {"p_wilcoxon": wilcoxon(shares), "n_people": int(some.sum())}
        found.append({"a": a, "b": b, "threshold": str(threshold), **result})
        towards.append(np.sign(_signed_ranks(shares).sum()))
    corrected_ones = holm([entry["p_wilcoxon"] for entry in found])
    for entry, corrected, sign in zip(found, corrected_ones, towards, strict=True):
        low, high = entry["interval"]
        entry["p_holm"], entry["family"] = float(corrected), len(found)
        entry["significant"] = bool(corrected < LEVEL_OF_SIGNIFICANCE and (low > 0 if sign > 0 else high < 0))
    return found


def wilcoxon(differences) -> float:
    """Two-sided p of Wilcoxon's signed-rank test: whether differences lie evenly around 0.

    Parameters
    ----------
    differences : ndarray of shape (N,)
        One a person. Those of 0 are ranked with the others and then left out (Pratt's way), since many people are
        equally easy for both machines.

    Returns
    -------
    float
        1 where all are 0, or there is none.

    Notes
    -----
    With up to 12 differences that are not 0 all signs are tried, which is exact with ties too; with more,
    :func:`scipy.stats.wilcoxon` is asked.

    References
    ----------
    .. [1] Pratt, "Remarks on zeros and ties in the Wilcoxon signed rank procedures", JASA 1959.
    """
    from scipy import stats

    differences = np.asarray(differences, float)
    not_zero = differences != 0
    n = int(not_zero.sum())
    if n > _FEW:
        return float(stats.wilcoxon(differences, zero_method="pratt").pvalue)
    if not n:
        return 1.0
    ranks = _signed_ranks(differences)[not_zero]
    sums = np.array(list(itertools.product((-1, 1), repeat=n))) @ abs(ranks)
    return float((abs(sums) >= abs(ranks.sum()) - 1e-9).mean())


def _signed_ranks(differences: np.ndarray) -> np.ndarray:
    """Rank of each difference by its size, with its sign; 0 for differences of 0, which are ranked too."""
    from scipy import stats

    return np.sign(differences) * stats.rankdata(abs(differences))


def holm(p_values) -> np.ndarray:
    """Holm's correction of the p of several tests.

    Parameters
    ----------
    p_values : sequence of K floats

    Returns
    -------
    ndarray of shape (K,)
        Below 0.05 where the test may be called significant, if at most one family in twenty is to hold a wrong call.

    References
    ----------
    .. [1] Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979.
    """
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values)
    corrected = np.empty(len(p_values))
    corrected[order] = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    return np.minimum(corrected, 1)
