"""How the error falls with the number of labels, and what more of them would give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["fit_learning_curve"]

FEWEST_SIZES = 3
N_REFITS, N_SWEEPS = 300, 50
N_PARAMETERS = 3
HELPS, FLAT = 0.03, 0.03  # smallest gain, and largest, of twice the labels, as a fraction of the error
EXPONENTS = np.linspace(0.1, 2, 39)


def fit_learning_curve(
    sizes, errors, *, factors: Sequence[float] = (2, 4), random_state: int = 0
) -> dict[str, Any] | None:
    """Fit an inverse power law, a + b n^-c, to errors after training on n subjects.

    Parameters
    ----------
    sizes : sequence of K float
        Training subjects, ascending; the last is all of them.
    errors : ndarray of shape (K, F)
        Errors in F folds, above 0; NaN where one was not measured. Pass folds that were measured at the last size only,
        too: they show how much folds differ.
    factors : sequence of float, default=(2, 4)
        Multiples of the last size for which the error is predicted.
    random_state : int, default=0
        Seed of the refits.

    Returns
    -------
    dict or None
        None with fewer than three sizes, or too few errors to tell how uncertain the curve is. ``sizes``, ``errors``
        (means, had every size been measured in every fold), ``low`` and ``high`` (of the fit, 95 %), ``fit`` (a, b,
        c), ``predictions`` (dicts of ``labels``, ``error`` and ``interval``), ``gain`` (of twice the labels, with its
        interval) and ``outcome``: "helps" if the whole interval of the gain is above 3 %, "flat" if it is below 3 %,
        otherwise "unclear".

    Notes
    -----
    The exponent is searched on a grid between 0.1 and 2, and `a` and `b` follow by non-negative least squares, relative
    to the mean error of each size. How hard each fold is, as a factor, is taken out before the fit, so the gain is
    known better than the error itself. The interval comes from refits to the fitted curve plus resampled residuals,
    and, for errors, from the spread of the folds; both are widened as t quantiles are for few values. It holds if the
    law does: beyond the measured sizes that is an extrapolation.

    References
    ----------
    .. [1] Cortes et al., "Learning curves: asymptotic values and rate of convergence", NeurIPS 1993.
    """
    errors = np.asarray(errors, float)
    known = np.isfinite(errors)
    kept = known.any(1)
    sizes, errors = np.asarray(sizes, float)[kept], np.where(known, errors, np.nan)[kept][:, known.any(0)]
    if len(sizes) < FEWEST_SIZES or _freedom(np.isfinite(errors)) < 1:
        return None
    rng = np.random.default_rng(random_state)
    levels, spread = _levels(errors)
    errors = errors / levels
    places = np.concatenate([sizes, sizes[-1] * np.asarray(factors, float)])
    fitted, curves = _fit_and_refit(sizes, errors, places, rng)
    middle, last = _law(places, *fitted), len(sizes) - 1
    drawn = 1 - curves[:, last + 1] / curves[:, last]
    gain = [float(value) for value in np.quantile(drawn, (0.025, 0.975))]
    low, high = np.quantile(curves * np.exp(rng.normal(0, spread, (N_REFITS, 1))), (0.025, 0.975), axis=0)
    return {
        "sizes": sizes.tolist(),
        "errors": np.nanmean(errors, 1).tolist(),
        "low": low[: last + 1].tolist(),
        "high": high[: last + 1].tolist(),
        "fit": [float(value) for value in fitted],
        "predictions": [
            {
                "labels": round(places[index]),
                "error": float(middle[index]),
                "interval": [float(low[index]), float(high[index])],
            }
            for index in range(last + 1, len(places))
        ],
        "gain": {"value": float(1 - middle[last + 1] / middle[last]), "interval": gain},
        "outcome": "helps" if gain[0] > HELPS else "flat" if gain[1] < FLAT else "unclear",
    }


def _levels(errors: np.ndarray) -> tuple[np.ndarray, float]:
    """How hard each fold is, as factors around 1, and the widened standard error of their mean, in logarithms."""
    logs, folds = np.log(errors), np.zeros(errors.shape[1])
    for _ in range(N_SWEEPS):  # sizes and folds, each given the other
        folds = np.nanmean(logs - np.nanmean(logs - folds, axis=1, keepdims=True), axis=0)
        folds -= folds.mean()
    n_folds = len(folds)
    spread = folds.std(ddof=1) / np.sqrt(n_folds) if n_folds > 1 else 0.0
    return np.exp(folds), float(spread) * _widening(n_folds - 1)


def _widening(freedom: int) -> float:
    """The 97.5 % quantile of t over that of the normal distribution."""
    from scipy import stats

    return float(stats.t.ppf(0.975, max(freedom, 1)) / stats.norm.ppf(0.975))


def _useful(known: np.ndarray) -> np.ndarray:
    """Which errors (sizes, folds) the curve is fitted to; of a fold with one size, nothing is left but its level."""
    return known & (known.sum(0) > 1)


def _freedom(known: np.ndarray) -> int:
    """Errors in excess of the parameters of the curve and of the folds."""
    useful = _useful(known)
    return int(useful.sum()) - N_PARAMETERS - int(useful.any(0).sum()) + 1


def _fit_and_refit(
    sizes: np.ndarray, errors: np.ndarray, places: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """a, b and c, and errors (N_REFITS, places) of fits to the fitted curve plus resampled residuals."""
    known = _useful(np.isfinite(errors))
    n = np.broadcast_to(sizes[:, None], errors.shape)[known]
    weights = 1 / np.broadcast_to(np.nanmean(errors, 1, keepdims=True), errors.shape)[known]
    fitted = _fit(n, errors[known][None], weights)[0]
    expected = _law(n, *fitted)
    freedom = _freedom(known)
    residuals = np.log(errors[known] / expected) * np.sqrt(len(n) / freedom) * _widening(freedom)
    shape = (N_REFITS, len(n))
    again = expected * np.exp(rng.choice(residuals, shape) * rng.choice((-1, 1), shape))
    return fitted, np.array([_law(places, *one) for one in _fit(n, again, weights)])


def _law(n, a: float, b: float, c: float) -> np.ndarray:
    return a + b * np.asarray(n, float) ** -c


def _fit(n: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """a, b and c of each row of values, by weighted least squares, a and b not negative."""
    largest, best = n.max(), np.full(len(values), np.inf)
    found = np.zeros((len(values), 3))
    aim = values * weights
    for c in EXPONENTS:
        falling = (n / largest) ** -c * weights
        squares = np.array([[weights @ weights, weights @ falling], [weights @ falling, falling @ falling]])
        sums = np.stack([aim @ weights, aim @ falling], 1)
        both = np.linalg.solve(squares, sums.T).T
        candidates = np.stack([both, sums * [1, 0] / squares[0, 0], sums * [0, 1] / squares[1, 1]])
        off = ((candidates[..., :1] * weights + candidates[..., 1:] * falling - aim) ** 2).sum(-1)
        off[(candidates < 0).any(-1)] = np.inf
        chosen = off.argmin(0)
        nearest = off[chosen, np.arange(len(values))]
        better = nearest < best
        a, b = candidates[chosen, np.arange(len(values))].T
        found[better] = np.stack([a, b * largest**c, np.full_like(a, c)], 1)[better]
        best[better] = nearest[better]
    return found
