"""Context features of the forest stage: what the stage before believed, near a cell and far from it."""

from __future__ import annotations

import numpy as np

from . import _kernels
from .taps import window_taps

__all__ = ["find_peaks", "offset_maps", "patch_taps", "smooth"]


def patch_taps(n_maps: int, *, reach: int = 15, across: int = 11, first_channel: int = 0) -> np.ndarray:
    """Taps of the context patch: a square grid of beliefs around a cell, in every map.

    Parameters
    ----------
    n_maps : int
        Belief maps, background included.
    reach : int, default=15
        Distance of the outermost taps from the cell, in cells, along either axis.
    across : int, default=11
        Taps along a side; odd, so that one is the cell itself.
    first_channel : int, default=0
        Channel of the first belief map.

    Returns
    -------
    int ndarray of shape (n_maps * across ** 2, 3)
        Channel, row offset, column offset.

    Raises
    ------
    ValueError
        If `across` is even or the grid would be finer than the cells.
    """
    if across % 2 != 1 or across > 2 * reach + 1:
        raise ValueError(
            f"a context patch needs an odd number of taps, at most one a cell; got across={across} for reach={reach}"
        )
    offsets = np.linspace(-reach, reach, across).round().astype(int)
    return window_taps(np.arange(first_channel, first_channel + n_maps), offsets)


def find_peaks(beliefs: np.ndarray, *, n_peaks: int = 2, radius: int = 2) -> np.ndarray:
    """The strongest peaks of every belief map after non-maximum suppression.

    Parameters
    ----------
    beliefs : float32 ndarray of shape (N, P, h, w)
    n_peaks : int, default=2
        Peaks a map, K.
    radius : int, default=2
        A peak suppresses the cells up to this many rows and columns away.

    Returns
    -------
    ndarray of shape (N, P, K, 3), float32
        Row, column and value, strongest first; of equal values the first in row order. Where the peaks before
        suppress the whole map, the strongest one is repeated, with value 0.
    """
    return _kernels.find_peaks(beliefs, n_peaks, radius)


def offset_maps(peaks: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Context offsets: for every cell, where the peaks lie.

    Parameters
    ----------
    peaks : float32 ndarray of shape (N, P, K, 3)
        Row, column and value.
    shape : (h, w)

    Returns
    -------
    ndarray of shape (N, P * K * 3, h, w), float32
        For each part and peak: distance from the cell in cells; angle of the way from the cell to the peak, in
        radians from the direction of x towards that of y (0 at the peak itself); value of the peak.
    """
    return _kernels.offset_maps(peaks, *shape)


def smooth(beliefs: np.ndarray, sigma: float) -> np.ndarray:
    """Belief maps smoothed with a Gaussian, the border repeated.

    Parameters
    ----------
    beliefs : float32 ndarray of shape (N, C, h, w)
    sigma : float
        Standard deviation, in cells; 0 leaves the beliefs alone.

    Returns
    -------
    ndarray of shape (N, C, h, w), float32
        Beliefs that added up to 1 in every cell still do.
    """
    if not sigma:
        return beliefs
    weights = np.exp(-((np.arange(int(3 * sigma) + 2) / sigma) ** 2) / 2)
    return _kernels.smooth(beliefs, weights / (2 * weights.sum() - 1))
