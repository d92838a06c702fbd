"""Is one machine better than another? Tests that count the luck of training, over folds and repeats, or over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..metrics.pck import within
from .significance import LEVEL_OF_SIGNIFICANCE, holm
from .uncertainty import resampled_ratios

__all__ = ["Difference", "Measure", "compare_folds", "folds_test", "measures", "seeds_test", "verdicts"]

N_RESAMPLES, N_RESAMPLES_OF_MEDIANS = 1000, 200
_MISSING = "a joint was not predicted"
_SINGLE = "one training each: the luck of training is not known"


@dataclass(frozen=True)
class Measure:
    """One number that two machines are compared by.

    Attributes
    ----------
    name : str
        "mean error", "within 2 px", "PCK@0.1".
    kind : {"error", "success", "pck"}
        Errors are better when lower, the others when higher; "pck" is computed from distances in reference lengths.
    threshold : float or None
    saturated : bool
        Whether even the mean pose reaches more than 95 %: the measure then tells nothing.
    """

    name: str
    kind: str
    threshold: float | None = None
    saturated: bool = False

    def __call__(self, errors: np.ndarray) -> float:
        """Of errors of any shape; NaN where nothing is labelled."""
        known = errors[~np.isnan(errors)]
        if not len(known):
            return float("nan")
        return float(np.median(known)) if self.name == "median error" else float(self.of_joints(known).mean())

    def of_joints(self, errors: np.ndarray) -> np.ndarray:
        """What is averaged over joints; the median is no such mean."""
        if self.kind == "error":
            return errors
        return np.where(np.isnan(errors), np.nan, 100.0 * within(errors, self.threshold))

    @property
    def lower_is_better(self) -> bool:
        """Whether it is an error."""
        return self.kind == "error"


def measures(
    thresholds: Sequence[float], unit: str, pck: Sequence[float] = (0.1, 0.2), saturated: Sequence[str] = ()
) -> list[Measure]:
    """The mean and median error, the rates of success at thresholds in units, and PCK."""
    found = [Measure("mean error", "error"), Measure("median error", "error")]
    found += [Measure(f"within {limit:g} {unit}", "success", limit) for limit in thresholds]
    found += [Measure(f"PCK@{limit:g}", "pck", limit) for limit in pck]
    return [Measure(one.name, one.kind, one.threshold, one.name in saturated) for one in found]


@dataclass(frozen=True)
class Difference:
    """A difference with its 95 % interval and two-sided p value; NaN where it cannot be tested."""

    value: float
    interval: tuple[float, float]
    p: float
    reason: str = ""


def folds_test(
    differences: np.ndarray, n_test: float, n_train: float, *, of_subjects: float | None = None, n_groups: int = 0
) -> Difference:
    """A t-test over the folds of a cross-validation, corrected for the training subjects that folds share.

    Parameters
    ----------
    differences : ndarray of shape (R, K)
        Of two machines, one per repeat and fold.
    n_test, n_train : float
        Subjects that are tested, and trained on, in a fold.
    of_subjects : float, optional
        Variance of the mean difference over all subjects that comes of their being a sample, for example by a
        bootstrap. Without it, the test is the corrected resampled t-test [1]_.
    n_groups : int
        Independent groups of subjects from which `of_subjects` is known.

    Returns
    -------
    Difference

    Notes
    -----
    Trainings of different folds share subjects, so the usual variance of the mean, that between folds over K, is too
    small. Nadeau and Bengio [1]_ add n_test/n_train times the variance between folds. That is mostly a variance between
    subjects, K times `of_subjects`, which is known from many subjects instead of a few folds; so this is added in its
    place. The first part is not taken to be less than `of_subjects`, of which it is an estimate if all trainings are
    alike. Degrees of freedom are those of Welch and Satterthwaite [2]_, where repeats make the variance between folds
    better known, R (K - 1). ``benchmarks/studies/false_verdicts.py`` simulates how often equal machines are called
    different.

    References
    ----------
    .. [1] Nadeau and Bengio, "Inference for the generalization error", Machine Learning 2003.
    .. [2] Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 1946.
    """
    from scipy import stats

    differences = np.atleast_2d(np.asarray(differences, float))
    known = differences[np.isfinite(differences)]
    n_folds = differences.shape[1]
    if len(known) < differences.size or n_folds < 2:
        value = float(known.mean()) if len(known) else float("nan")
        reason = _MISSING if len(known) < differences.size else _SINGLE
        return Difference(value, (float("nan"), float("nan")), float("nan"), reason)
    of_folds = float(differences.var(axis=1, ddof=1).mean())
    freedom = float(len(differences) * (n_folds - 1))
    shared = n_test / n_train
    if of_subjects is None or n_groups < 2:
        return _of_t(float(known.mean()), float(np.sqrt((1 / n_folds + shared) * of_folds)), freedom, stats.t)
    of_trainings, of_sharing = max(of_folds / n_folds, of_subjects), n_folds * shared * of_subjects
    total = of_trainings + of_sharing
    if total > 0:
        freedom = total**2 / (of_trainings**2 / freedom + of_sharing**2 / (n_groups - 1))
    return _of_t(float(known.mean()), float(np.sqrt(total)), freedom, stats.t)


def seeds_test(
    a: np.ndarray, b: np.ndarray, measure: Measure, groups: np.ndarray, n_train: float, *, random_state: int = 0
) -> Difference:
    """A test over several trainings of each machine, all tested on the same subjects.

    Parameters
    ----------
    a, b : ndarray of shape (S, N, P)
        Errors after each of S trainings.
    measure : Measure
    groups : ndarray of shape (N,)
        Subjects that are not independent.
    n_train : float
        Training subjects.
    random_state : int, default=0
        Seed of the bootstrap.

    Returns
    -------
    Difference

    Notes
    -----
    The variance is the sum of three: those between the trainings of each machine, over S, and that between test groups,
    by a bootstrap over the groups; degrees of freedom by Welch and Satterthwaite [1]_. (Pairs of trainings would leave
    fewer degrees of freedom for a variance that the machines do not share, and call equal machines different more
    often.) The training subjects are the same in all trainings, so the luck of having labelled these and not others
    does not show; as in :func:`folds_test` it is taken for n_test/n_train times the variance between test subjects.

    References
    ----------
    .. [1] Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 1946.
    """
    from scipy import stats

    trained = np.array([[measure(one) for one in errors] for errors in (a, b)])
    with np.errstate(invalid="ignore"):  # infinite where a joint was not predicted
        each = trained[0] - trained[1]
        value = float(each.mean())
    names, numbers = np.unique(groups, return_inverse=True)
    if len(each) < 2 or len(names) < 2 or not np.isfinite(each).all():
        reason = _SINGLE if len(each) < 2 else _MISSING if len(names) > 1 else "all test subjects are of one group"
        return Difference(value, (float("nan"), float("nan")), float("nan"), reason)
    n_trainings = len(each)
    of_training = trained.var(axis=1, ddof=1) / n_trainings
    of_subjects = _variance_of_groups(a, b, measure, numbers.ravel(), random_state) * (1 + len(groups) / n_train)
    total = float(of_training.sum() + of_subjects)
    if total <= 0:
        return Difference(value, (value, value), 1.0 if value == 0 else 0.0)
    freedom = total**2 / ((of_training**2).sum() / (n_trainings - 1) + of_subjects**2 / (len(names) - 1))
    return _of_t(value, float(np.sqrt(total)), float(freedom), stats.t)


def _variance_of_groups(
    a: np.ndarray, b: np.ndarray, measure: Measure, groups: np.ndarray, random_state: int = 0
) -> float:
    """Variance of the difference of two measures that comes of the groups, numbered from 0, being a sample."""
    n_groups = int(groups.max()) + 1
    return float(np.nanvar(_resampled(a, b, measure, groups, random_state))) * n_groups / (n_groups - 1)


def _resampled(a: np.ndarray, b: np.ndarray, measure: Measure, groups: np.ndarray, random_state: int) -> np.ndarray:
    """Differences in bootstrap resamples of the groups, which are numbered from 0."""
    n_groups = int(groups.max()) + 1
    if measure.name != "median error":
        ratios = []
        for errors in (a, b):
            sums, counts = np.zeros(n_groups), np.zeros(n_groups)
            np.add.at(sums, groups, np.nansum(measure.of_joints(errors), axis=(0, 2)))
            np.add.at(counts, groups, (~np.isnan(errors)).sum((0, 2)))
            ratios.append(resampled_ratios(sums, counts, n_resamples=N_RESAMPLES, random_state=random_state))
        return ratios[0] - ratios[1]
    shares = np.full(n_groups, 1 / n_groups)
    drawn = np.random.default_rng(random_state).multinomial(n_groups, shares, size=N_RESAMPLES_OF_MEDIANS)
    first, second = (_medians(errors, groups, drawn) for errors in (a, b))
    return first - second


def _medians(errors: np.ndarray, groups: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Median of the errors (S, N, P) in each resample, which holds each group as often as `drawn` (R, G) says."""
    owners = np.broadcast_to(groups[:, None], errors.shape)
    known = ~np.isnan(errors)
    order = np.argsort(errors[known], kind="stable")
    values, owners = errors[known][order], owners[known][order]
    found = np.full(len(drawn), np.nan)
    for index, counts in enumerate(drawn):
        upto = np.cumsum(counts[owners])
        if len(upto) and upto[-1]:
            middle = np.searchsorted(upto, [(upto[-1] + 1) // 2, upto[-1] // 2 + 1])  # one or two in the middle
            found[index] = values[middle].mean()
    return found


def _of_t(value: float, error: float, freedom: float, t) -> Difference:
    if error <= 0:
        return Difference(value, (value, value), 1.0 if value == 0 else 0.0)
    reach = float(t.ppf(0.975, freedom)) * error
    return Difference(value, (value - reach, value + reach), float(2 * t.sf(abs(value) / error, freedom)))


def compare_folds(
    a: np.ndarray, b: np.ndarray, measure: Measure, folds: np.ndarray, n_train: float, groups: np.ndarray | None = None
) -> Difference:
    """:func:`folds_test` of two machines.

    Parameters
    ----------
    a, b : ndarray of shape (R, N, P)
        Errors in R repeats of a cross-validation.
    measure : Measure
    folds : int ndarray of shape (R, N)
        Fold in which each subject was tested.
    n_train : float
        Training subjects of a fold.
    groups : ndarray of shape (N,), optional
        Subjects that are not independent; by default, all are.

    Returns
    -------
    Difference
    """
    differences, sizes = [], []
    for one, other, numbers in zip(a, b, folds, strict=True):
        tested = [numbers == fold for fold in range(int(folds.max()) + 1)]
        differences.append([measure(one[chosen]) - measure(other[chosen]) for chosen in tested])
        sizes += [int(chosen.sum()) for chosen in tested]
    names, owners = np.unique(np.arange(a.shape[1]) if groups is None else groups, return_inverse=True)
    of_subjects = None
    if len(names) > 1 and np.isfinite(differences).all():
        of_subjects = _variance_of_groups(a, b, measure, owners.ravel())
    return folds_test(
        np.array(differences), float(np.mean(sizes)), n_train, of_subjects=of_subjects, n_groups=len(names)
    )


def verdicts(
    errors: Mapping[str, np.ndarray],
    distances: Mapping[str, np.ndarray],
    measured: Sequence[Measure],
    *,
    folds: np.ndarray | None,
    groups: np.ndarray,
    n_train: float,
) -> list[dict[str, Any]]:
    """Compare every pair of machines by every measure.

    Parameters
    ----------
    errors : dict of str to ndarray of shape (R, N, P)
        Of each machine, by repeat, in the reader's units; see :func:`posemachines.metrics.radial_errors`.
    distances : dict of str to ndarray of shape (R, N, P)
        The same in reference lengths, for PCK.
    measured : sequence of Measure
        The first one decides; the others show where the difference lies.
    folds : int ndarray of shape (R, N), or None
        Fold in which each subject was tested; None for one test set and R trainings.
    groups : ndarray of shape (N,)
    n_train : float
        Training subjects of a fold.

    Returns
    -------
    list of dict
        ``a``, ``b``, ``measure``, ``kind``, ``threshold``, ``difference`` (`a` minus `b`), ``interval``, ``p``,
        ``p_holm``, ``family`` (number of comparisons corrected for), ``significant``, ``better`` (name or None),
        ``saturated`` and ``reason`` (why there is no verdict).

    Notes
    -----
    p values of the first measure are corrected for all pairs, by Holm's method; those of the others, pair by pair, for
    all measures that are not saturated.
    """
    names = list(errors)
    found: list[dict[str, Any]] = []
    for later, a in enumerate(names):
        for b in names[:later]:
            for measure in measured:
                values = distances if measure.kind == "pck" else errors
                if folds is None:
                    result = seeds_test(values[a], values[b], measure, groups, n_train)
                else:
                    result = compare_folds(values[a], values[b], measure, folds, n_train, groups)
                found.append(_entry(a, b, measure, result))
    _correct([one for one in found if one["measure"] == measured[0].name])
    for a, b in {(one["a"], one["b"]): None for one in found}:
        _correct([one for one in found if (one["a"], one["b"]) == (a, b) and one["measure"] != measured[0].name])
    return found


def _correct(family: list[dict[str, Any]]) -> None:
    """Holm's correction over one family of comparisons, and what is significant after it."""
    tested = [one for one in family if np.isfinite(one["p"]) and not one["saturated"]]
    for one, corrected in zip(tested, holm([one["p"] for one in tested]) if tested else [], strict=True):
        one["p_holm"], one["family"] = float(corrected), len(tested)
        one["significant"] = bool(corrected < LEVEL_OF_SIGNIFICANCE)
        if one["significant"]:
            one["better"] = one["a"] if (one["difference"] < 0) == (one["kind"] == "error") else one["b"]


def _entry(a: str, b: str, measure: Measure, result: Difference) -> dict[str, Any]:
    reason = "even the mean pose is above 95 % here" if measure.saturated else result.reason
    return {
        "a": a, "b": b, "measure": measure.name, "kind": measure.kind, "threshold": measure.threshold,
        "difference": result.value, "interval": list(result.interval), "p": result.p, "p_holm": None, "family": None,
        "significant": False, "better": None, "saturated": measure.saturated, "reason": reason,
    }  # fmt: skip
