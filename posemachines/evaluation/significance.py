"""Is one machine significantly better than another? Paired tests over subjects."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from .uncertainty import bootstrap_difference, people_ahead

__all__ = ["compare_machines", "holm", "wilcoxon"]

LEVEL_OF_SIGNIFICANCE = 0.05
_FEW = 12  # differences up to which the test is exact


def compare_machines(
    distances: Mapping[str, np.ndarray],
    thresholds: Sequence[float] = (0.1, 0.2),
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    random_state: int = 0,
) -> list[dict]:
    """Compare every pair of machines at every threshold: difference, interval and significance.

    Parameters
    ----------
    distances : dict of ndarray of shape (N, P)
        Distances of each machine, by name, on the same subjects, as in :func:`bootstrap_interval`.
    thresholds : sequence of float, default=(0.1, 0.2)
    n_resamples, level, random_state
        As in :func:`bootstrap_interval`.

    Returns
    -------
    list of dict
        One entry per pair and threshold, each machine against those before it: ``a`` (the later one), ``b``,
        ``threshold``, ``difference`` (`a` minus `b`, in points), ``interval``, ``p_bootstrap``, ``p_wilcoxon``,
        ``p_holm`` (the Wilcoxon p value after Holm's correction), ``family`` (the number of comparisons corrected for:
        all pairs times all thresholds of the call), ``n_people``, and ``significant``: `p_holm` is below 0.05, the
        interval excludes 0, and both favour the same machine.

    Raises
    ------
    ValueError
        If the machines were not scored on the same joints.

    Notes
    -----
    The two tests answer different questions. The bootstrap tests the difference of the pooled PCK; the Wilcoxon test
    compares the share of correct joints subject by subject, all subjects weighing the same. The bootstrap's p value
    cannot fall below 2 / (`n_resamples` + 1), so the correction for multiple comparisons uses the Wilcoxon test.

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
        found.append({"a": a, "b": b, "threshold": threshold, **result})
        towards.append(np.sign(_signed_ranks(shares).sum()))
    corrected_ones = holm([entry["p_wilcoxon"] for entry in found])
    for entry, corrected, sign in zip(found, corrected_ones, towards, strict=True):
        low, high = entry["interval"]
        entry["p_holm"], entry["family"] = float(corrected), len(found)
        entry["significant"] = bool(corrected < LEVEL_OF_SIGNIFICANCE and (low > 0 if sign > 0 else high < 0))
    return found


def wilcoxon(differences) -> float:
    """Two-sided p value of Wilcoxon's signed-rank test.

    Parameters
    ----------
    differences : ndarray of shape (N,)
        One per subject. Zeros are ranked with the others and then dropped (Pratt's method), since many subjects are
        equally easy for both machines.

    Returns
    -------
    float
        1 if all differences are 0 or there is none.

    Notes
    -----
    Up to 12 non-zero differences, the p value is exact, ties included: a permutation test over all signs
    (:func:`scipy.stats.permutation_test`). Beyond that it is the normal approximation of :func:`scipy.stats.wilcoxon`,
    whose ``method="exact"`` ignores ties and zeros, and whose ``PermutationMethod`` flips the signs of the zeros too.

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
    if n < 2:
        return 1.0
    ranks = _signed_ranks(differences)[not_zero]
    test = stats.permutation_test((ranks,), np.sum, permutation_type="samples", n_resamples=np.inf)
    return float(test.pvalue)


def _signed_ranks(differences: np.ndarray) -> np.ndarray:
    """Rank of each difference by magnitude, with its sign; zeros are ranked too, and get 0."""
    from scipy import stats

    return np.sign(differences) * stats.rankdata(abs(differences))


def holm(p_values) -> np.ndarray:
    """Holm's correction of p values for multiple comparisons.

    Parameters
    ----------
    p_values : sequence of K floats

    Returns
    -------
    ndarray of shape (K,)
        A corrected p value below 0.05 is significant at a family-wise error rate of 5 %.

    References
    ----------
    .. [1] Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979.
    """
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values)
    corrected = np.empty(len(p_values))
    corrected[order] = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    return np.minimum(corrected, 1)
