"""Context features (psi) of the forest stage: the previous beliefs near a cell and far from it."""

from __future__ import annotations

from functools import cache

import numpy as np

from ._kernels import context
from .features import N_CODES
from .taps import window_taps

__all__ = ["find_peaks", "offset_codes", "patch_taps", "smooth"]

_FAR = 45.5  # largest distance with a distinct code, in cells: slightly more than the diagonal of 32 x 32


def patch_taps(n_maps: int, *, reach: int = 15, across: int = 11, first_channel: int = 0) -> np.ndarray:
    """Taps of the context patch: a square grid of beliefs around a cell, in each map.

    Parameters
    ----------
    n_maps : int
        Number of belief maps, including the background.
    reach : int, default=15
        Distance of the outermost taps from the cell along each axis, in cells.
    across : int, default=11
        Taps along each side; odd, so that the central one is the cell itself.
    first_channel : int, default=0
        Channel of the first belief map.

    Returns
    -------
    int ndarray of shape (n_maps * across ** 2, 3)
        Channel, row offset, column offset.

    Raises
    ------
    ValueError
        If `across` is even, or the grid is finer than the cells.
    """
    if across % 2 != 1 or across > 2 * reach + 1:
        raise ValueError(
            f"a context patch needs an odd number of taps, at most one per cell; got across={across} for reach={reach}"
        )
    offsets = np.linspace(-reach, reach, across).round().astype(int)
    return window_taps(np.arange(first_channel, first_channel + n_maps), offsets)


def find_peaks(beliefs: np.ndarray, *, n_peaks: int = 2, radius: int = 2) -> np.ndarray:
    """The strongest peaks of each belief map, after non-maximum suppression.

    Parameters
    ----------
    beliefs : float32 ndarray of shape (N, P, h, w)
    n_peaks : int, default=2
        Peaks per map, K.
    radius : int, default=2
        A peak suppresses all cells within this many rows and columns.

    Returns
    -------
    ndarray of shape (N, P, K, 3), float32
        Row, column and value, strongest first; ties are broken in row order. If the previous peaks suppress the whole
        map, the strongest one is repeated with value 0.
    """
    return context.find_peaks(beliefs, n_peaks, radius)


def offset_codes(peaks: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Context offsets: the direction and distance from each cell to the peaks, in 64 codes.

    Parameters
    ----------
    peaks : float32 ndarray of shape (N, M, K, 3)
        Row, column and value.
    shape : (h, w)

    Returns
    -------
    ndarray of shape (N, M * K * 3, h, w), uint8
        For each map and peak: the distance from the cell (bins uniform in its square root, up to 45 cells), the angle
        of the direction from the cell to the peak (from the x axis towards the y axis, uniform bins, 0 at the peak
        itself), and the value of the peak (bins uniform in its square root, up to 1).
    """
    return context.offset_codes(peaks, *_offsets(*shape))


@cache
def _offsets(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes of the distance and angle of all offsets between two cells of a grid, each (2 h - 1, 2 w - 1)."""
    along_y, along_x = np.mgrid[height - 1 : -height : -1, width - 1 : -width : -1]
    distance = np.sqrt(np.hypot(along_y, along_x)) * (N_CODES / np.sqrt(_FAR))
    angle = np.arctan2(along_y, along_x) / (2 * np.pi) % 1 * N_CODES
    return tuple(np.minimum(values, N_CODES - 1).astype(np.uint8) for values in (distance, angle))


def smooth(beliefs: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth belief maps with a Gaussian; edges are repeated.

    Parameters
    ----------
    beliefs : float32 ndarray of shape (N, C, h, w)
    sigma : float
        Standard deviation, in cells; with 0, the beliefs are returned unchanged.

    Returns
    -------
    ndarray of shape (N, C, h, w), float32
        Where the beliefs summed to 1 in every cell, they still do.
    """
    if not sigma:
        return beliefs
    weights = np.exp(-((np.arange(int(3 * sigma) + 2) / sigma) ** 2) / 2)
    return context.smooth(beliefs, (weights / (2 * weights.sum() - 1)).astype(np.float32))
