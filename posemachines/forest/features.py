"""Image features of the forest stage: gradients and colour, dense on the belief grid."""

from __future__ import annotations

import numpy as np

from . import _kernels
from .taps import window_taps

__all__ = ["CELLS", "N_CHANNELS", "image_maps", "image_taps", "position_maps"]

CELLS = ((4, 5), (8, 7), (16, 7))  # side of a HOG cell in pixels, cells across the patch
N_CHANNELS = _kernels.N_CHANNELS

_SRGB = np.arange(256) / 255
_LINEAR = np.where(_SRGB <= 0.04045, _SRGB / 12.92, ((_SRGB + 0.055) / 1.055) ** 2.4)


def image_maps(images: np.ndarray, *, stride: int, cells: tuple[int, ...] = (4, 8, 16)) -> np.ndarray:
    """Dense image features: 13 maps a cell size.

    The maps of a cell size are nine orientations of a normalised histogram of gradients, the gradient magnitude,
    and the colour L, a, b.

    Parameters
    ----------
    images : uint8 ndarray of shape (N, H, W, 3)
        RGB; H and W are multiples of the stride.
    stride : int
        Distance of neighbouring cells, in pixels; a cell is centred on its grid point, whatever its size.
    cells : tuple of int, default=(4, 8, 16)
        Sides of the cells, in pixels; cells larger than the stride overlap.

    Returns
    -------
    ndarray of shape (N, 13 * len(cells), H / stride, W / stride), float32
        Histograms in [0, 0.4], magnitude in grey values between the two pixels beside a pixel, L in [0, 100].

    Notes
    -----
    Gradients are central differences of the channel in which they are largest, zero on the border, and unsigned,
    as in :func:`skimage.feature.hog`. Other than there, a pixel votes for the two nearest orientations, in
    proportion, and a histogram is divided once, by the energy of the 3 x 3 cells around it. The colour is that of
    the mean light in the cell (linear RGB), not the mean of the pixels' Lab values.

    References
    ----------
    .. [1] Dalal and Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.
    """
    return _kernels.image_maps(images, stride, np.array(cells), _LINEAR)


def image_taps(*, stride: int, cells: tuple[tuple[int, int], ...] = CELLS) -> np.ndarray:
    """Taps of the image patch around a cell, on the maps of :func:`image_maps`.

    Parameters
    ----------
    stride : int
        Pixels a grid cell.
    cells : tuple of (side, across)
        Side of a HOG cell in pixels, and HOG cells across its square patch; they lie side by side.

    Returns
    -------
    int ndarray of shape (F, 3)
        Channel, row offset, column offset.
    """
    taps = []
    for k, (side, across) in enumerate(cells):
        channels = np.arange(k * N_CHANNELS, (k + 1) * N_CHANNELS)
        step = max(side // stride, 1)
        taps.append(window_taps(channels, (np.arange(across) - across // 2) * step))
    return np.concatenate(taps)


def position_maps(n_people: int, shape: tuple[int, int]) -> np.ndarray:
    """Row and column of every cell, from the centre of the crop.

    Parameters
    ----------
    n_people : int
    shape : (h, w)

    Returns
    -------
    ndarray of shape (N, 2, h, w), float32
        In cells; not writable.
    """
    height, width = shape
    place = np.mgrid[:height, :width] - np.array([height - 1, width - 1]).reshape(2, 1, 1) / 2
    return np.broadcast_to(place.astype(np.float32), (n_people, 2, height, width))
