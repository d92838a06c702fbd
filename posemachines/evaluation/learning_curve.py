"""How the error falls with the number of labels, and what more of them would give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["fit_learning_curve"]

FEWEST_SIZES = 3
N_REFITS = 300
HELPS, FLAT = 0.03, 0.03  # smallest gain, and largest, of twice the labels, as a fraction of the error
EXPONENTS = (0.1, 2.0)


def fit_learning_curve(
    sizes, errors, *, factors: Sequence[float] = (2, 4), random_state: int = 0
) -> dict[str, Any] | None:
    """Fit an inverse power law, a + b n^-c, to errors after training on n subjects.

    Parameters
    ----------
    sizes : sequence of K float
        Training subjects, ascending; the last is all of them.
    errors : ndarray of shape (K, F)
        Errors in F folds; NaN where one was not measured.
    factors : sequence of float, default=(2, 4)
        Multiples of the last size for which the error is predicted.
    random_state : int, default=0
        Seed of the refits.

    Returns
    -------
    dict or None
        None with fewer than three sizes. ``sizes``, ``errors`` (means), ``low`` and ``high`` (of the fit, 95 %),
        ``fit`` (a, b, c), ``predictions`` (dicts of ``labels``, ``error`` and ``interval``), ``gain`` (of twice the
        labels, with its interval) and ``outcome``: "helps" if the whole interval of the gain is above 3 %, "flat" if
        it is below 3 %, otherwise "unclear".

    Notes
    -----
    The interval comes from refits to the fitted curve plus resampled residuals, in logarithms. It holds if the law
    does: beyond the measured sizes that is an extrapolation.

    References
    ----------
    .. [1] Cortes et al., "Learning curves: asymptotic values and rate of convergence", NeurIPS 1993.
    """
    errors = np.asarray(errors, float)
    kept = np.isfinite(errors).any(1)
    sizes, errors = np.asarray(sizes, float)[kept], errors[kept]
    if len(sizes) < FEWEST_SIZES:
        return None
    n = np.repeat(sizes, errors.shape[1])
    values = errors.ravel()
    n, values = n[np.isfinite(values)], values[np.isfinite(values)]
    fitted = _fit(n, values)
    places = np.concatenate([sizes, sizes[-1] * np.asarray(factors, float)])
    middle = _law(places, *fitted)
    residuals = np.log(values) - np.log(_law(n, *fitted))
    residuals *= np.sqrt(len(values) / max(len(values) - 3, 1))
    rng = np.random.default_rng(random_state)
    drawn = []
    for _ in range(N_REFITS):
        again = np.exp(
            np.log(_law(n, *fitted)) + rng.choice(residuals, len(residuals)) * rng.choice((-1, 1), len(residuals))
        )
        drawn.append(_law(places, *_fit(n, again)))
    curves = np.array(drawn)
    low, high = np.quantile(curves, (0.025, 0.975), axis=0)
    last = len(sizes) - 1
    gains = 1 - curves[:, last + 1] / curves[:, last]
    interval = [float(value) for value in np.quantile(gains, (0.025, 0.975))]
    outcome = "helps" if interval[0] > HELPS else "flat" if interval[1] < FLAT else "unclear"
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
        "gain": {"value": float(1 - middle[last + 1] / middle[last]), "interval": interval},
        "outcome": outcome,
    }


def _law(n, a: float, b: float, c: float) -> np.ndarray:
    return a + b * np.asarray(n, float) ** -c


def _fit(n: np.ndarray, values: np.ndarray) -> np.ndarray:
    """a, b and c by least squares of logarithms, none negative."""
    from scipy.optimize import least_squares

    def off(parameters: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(_law(n / n.max(), *parameters), 1e-12)) - np.log(values)

    low, middle = values.min(), float(np.median(values))
    start = [0.5 * low, 0.5 * middle, 0.5]
    bounds = ([0, 0, EXPONENTS[0]], [np.inf, np.inf, EXPONENTS[1]])
    a, b, c = least_squares(off, start, bounds=bounds, loss="soft_l1", f_scale=0.2).x
    return np.array([a, b * n.max() ** c, c])
