"""Radial errors in a few numbers, the thresholds at which they are counted, and where counting says nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..metrics.radial import success_rates
from .uncertainty import interval

__all__ = ["SATURATED", "choose_thresholds", "saturated_rates", "summarise"]

SATURATED = 95.0  # % of the mean pose, above which a rate tells nothing
STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
LEVELS = (30, 55, 75, 90)  # % of the joints of the best machine, that the chosen thresholds reach
N_RESAMPLES = 500


def summarise(
    errors: np.ndarray, groups: np.ndarray, thresholds: Sequence[float] = (), *, random_state: int = 0
) -> dict[str, Any]:
    """Mean, median and 95th percentile with 95 % intervals, and rates of success.

    Parameters
    ----------
    errors : ndarray of shape (R, N, P)
        Of R trainings, from :func:`posemachines.metrics.radial_errors`, in any unit.
    groups : ndarray of shape (N,)
        Subjects that are not independent.
    thresholds : sequence of float
    random_state : int, default=0

    Returns
    -------
    dict
        ``mean``, ``median`` and ``p95``, each a dict of ``value`` and ``interval``; ``success``, a list of dicts of
        ``threshold``, ``value`` and ``interval``; ``repeats``, the mean error of each training; ``missing``, how often
        a labelled joint was not predicted: such joints are left out of errors, and count as failures of the rates;
        ``n_joints`` and ``n_subjects``, labelled joints and the subjects that have some.

    Notes
    -----
    The intervals come from a bootstrap over groups and trainings: a resample draws groups, and for each of them one of
    the trainings. They are NaN where there is only one group: how others fare is not known then.
    """
    errors = np.asarray(errors, float)
    members = _members(groups)
    rng = np.random.default_rng(random_state)
    drawn = []
    for _ in range(N_RESAMPLES):
        chosen = rng.integers(len(members), size=len(members))
        trained = rng.integers(len(errors), size=len(members))
        some = np.concatenate(
            [errors[repeat, members[index]].ravel() for index, repeat in zip(chosen, trained, strict=True)]
        )
        drawn.append(_numbers(some, thresholds))
    low, high = interval(drawn)
    if len(members) < 2:
        low, high = np.full_like(low, np.nan), np.full_like(high, np.nan)
    numbers = np.array([_numbers(one, thresholds) for one in errors])
    labelled = ~np.isnan(errors[0])
    entries = [
        {"value": float(value), "interval": [float(first), float(last)]}
        for value, first, last in zip(numbers.mean(0), low, high, strict=True)
    ]
    return {
        **dict(zip(("mean", "median", "p95"), entries[:3], strict=True)),
        "success": [{"threshold": float(t)} | entry for t, entry in zip(thresholds, entries[3:], strict=True)],
        "repeats": numbers[:, 0].tolist(),
        "missing": int(np.isinf(errors).sum()),
        "n_joints": int(labelled.sum()),
        "n_subjects": int(labelled.any(1).sum()),
    }


def _members(groups: np.ndarray) -> list[np.ndarray]:
    numbers = np.unique(groups, return_inverse=True)[1].ravel()
    return [np.flatnonzero(numbers == number) for number in range(numbers.max() + 1)]


def _numbers(values: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Mean, median and 95th percentile of the joints that were predicted, and rates over all labelled ones."""
    known = values[np.isfinite(values)]
    usual = [known.mean(), np.median(known), np.quantile(known, 0.95)] if len(known) else [np.nan] * 3
    return np.array([*usual, *success_rates(values, thresholds)])


def choose_thresholds(errors: np.ndarray) -> list[float]:
    """Round distances that about 30, 55, 75 and 90 % of the joints of a machine stay within.

    Parameters
    ----------
    errors : ndarray
        Of the best machine, in any unit; NaN is not counted.
    """
    known = np.asarray(errors, float)
    known = known[np.isfinite(known) & (known > 0)]
    if not len(known):
        return [1.0, 2.0, 5.0]
    return sorted({_rounded(float(np.percentile(known, level))) for level in LEVELS})


def _rounded(value: float) -> float:
    """The nearest number of the series 1, 1.5, 2, ..., 8, 10, 15, ..., by its ratio."""
    power = 10.0 ** np.floor(np.log10(value))
    series = np.array([*STEPS, 10]) * power
    return float(f"{series[np.abs(np.log(series / value)).argmin()]:.6g}")


def saturated_rates(mean_pose: Mapping[str, float]) -> list[str]:
    """Names of rates, in percent, that even the mean pose exceeds at 95 %."""
    return [name for name, rate in mean_pose.items() if rate is not None and rate > SATURATED]
