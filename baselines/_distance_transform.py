"""Generalised distance transforms: the maximum of a score map minus a quadratic penalty on the distance."""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["best_offsets"]


@numba.njit(cache=True)
def _row(values, price, shift, best, where, hull, bounds):
    """best[p] = max over q of values[q] - price (q - p - shift)^2, by the upper envelope of parabolas."""
    n = len(values)
    last = 0
    hull[0] = 0
    bounds[0], bounds[1] = -np.inf, np.inf
    for q in range(1, n):
        while True:
            r = hull[last]
            # where parabola q overtakes parabola r
            cross = ((q * q - r * r) - (values[q] - values[r]) / price) / (2.0 * (q - r))
            if cross > bounds[last]:
                break
            last -= 1
        last += 1
        hull[last] = q
        bounds[last] = cross
        bounds[last + 1] = np.inf
    at = 0
    for p in range(n):
        place = p + shift
        while bounds[at + 1] < place:
            at += 1
        q = hull[at]
        best[p] = values[q] - price * (q - place) * (q - place)
        where[p] = q


@numba.njit(cache=True)
def best_offsets(scores, prices, shift):
    """For every cell p, the maximum over q of ``scores[q] - prices . (q - p - shift)**2``, and the q that attains it.

    Parameters
    ----------
    scores : float64 ndarray of shape (h, w)
    prices : float64 ndarray of shape (2,)
        Penalty per squared cell in x and y; positive.
    shift : float64 ndarray of shape (2,)
        x, y in cells.

    Returns
    -------
    best : float64 ndarray of shape (h, w)
    where : int64 ndarray of shape (h, w, 2)
        x, y of q.

    Notes
    -----
    Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions", Theory of Computing 2012: linear in the
    number of cells. Rows first, then columns.
    """
    h, w = scores.shape
    along, from_x = np.empty((h, w)), np.empty((h, w), np.int64)
    best, where = np.empty((h, w)), np.empty((h, w, 2), np.int64)
    most = max(h, w)
    hull, bounds = np.empty(most + 1, np.int64), np.empty(most + 2)
    for y in range(h):
        _row(scores[y], prices[0], shift[0], along[y], from_x[y], hull, bounds)
    column, result, from_y = np.empty(h), np.empty(h), np.empty(h, np.int64)
    for x in range(w):
        for y in range(h):
            column[y] = along[y, x]
        _row(column, prices[1], shift[1], result, from_y, hull, bounds)
        for y in range(h):
            best[y, x] = result[y]
            where[y, x, 1] = from_y[y]
            where[y, x, 0] = from_x[from_y[y], x]
    return best, where
