"""Image features of the forest stage: gradients and colour, computed densely on the belief grid."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from ._kernels import image
from .taps import window_taps

__all__ = [
    "CELLS",
    "N_CHANNELS",
    "N_CODES",
    "PATCHES",
    "Patch",
    "image_codes",
    "image_maps",
    "image_taps",
    "position_codes",
]

Patch = tuple[tuple[int, int], ...]

N_CODES = 64  # number of values to which features are quantised
N_CHANNELS = 13  # maps per cell size: nine orientations, gradient magnitude, L, a, b
CELLS = (4, 8, 16)  # sides of the HOG cells, in pixels
PATCHES: tuple[Patch, ...] = (
    ((4, 5), (8, 7), (16, 7)),
    ((8, 9), (16, 7)),
    ((8, 9), (16, 9)),
)  # for each level: side of the HOG cells in pixels, and cells along each side of the patch

_BATCH = 64  # subjects whose maps are in memory at a time

_SRGB = np.arange(256) / 255
_LINEAR = np.where(_SRGB <= 0.04045, _SRGB / 12.92, ((_SRGB + 0.055) / 1.055) ** 2.4)


def image_maps(
    images: np.ndarray,
    *,
    stride: int,
    cells: tuple[int, ...] = CELLS,
    orientations: int = 9,
    signed: bool = False,
) -> np.ndarray:
    """Dense image features: `orientations` + 4 maps per cell size.

    For each cell size, these are the orientations of a normalised histogram of gradients, the gradient magnitude, and
    the colour L, a, b.

    Parameters
    ----------
    images : uint8 ndarray of shape (N, H, W, 3)
        RGB; H and W must be multiples of the stride.
    stride : int
        Distance between neighbouring cells, in pixels; cells of all sizes are centred on the grid points.
    cells : tuple of int, default=(4, 8, 16)
        Sides of the cells, in pixels; cells larger than the stride overlap.
    orientations : int, default=9
        Number of bins of the histogram.
    signed : bool, default=False
        Use bins over 360 degrees, which distinguish dark-to-light from light-to-dark, instead of 180.

    Returns
    -------
    ndarray of shape (N, (orientations + 4) * len(cells), H / stride, W / stride), float32
        Histograms in [0, 0.4]; magnitude in grey values, between the two neighbours of a pixel; L in [0, 100].

    Notes
    -----
    Gradients are central differences of the channel in which they are largest, and zero on the border, as in
    :func:`skimage.feature.hog`. Unlike there, each pixel votes for its two nearest orientations by linear
    interpolation, and each histogram is normalised once, by the norm of the 3 x 3 cells around it. The colour is the
    mean of linear RGB over the cell, converted to Lab, not the mean of the Lab values.

    References
    ----------
    .. [1] Dalal and Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.
    """
    starts = [abs((stride - cell) // 2) for cell in cells]
    unit = math.gcd(stride, images.shape[1], images.shape[2], *cells, *starts)
    return image.image_maps(images, stride, np.array(cells), unit, _places(orientations, signed), _LINEAR)


@cache
def _places(orientations: int, signed: bool) -> np.ndarray:
    """Orientation of all gradients between 8-bit values, in bins from the centre of bin 0: (511, 511)."""
    along_y, along_x = np.mgrid[-255:256, -255:256]
    turn = np.arctan2(along_y, along_x) / (2 * np.pi if signed else np.pi) % 1
    places = ((turn * orientations - 0.5) % orientations).astype(np.float32)
    places[places >= orientations] = 0  # float32 rounding may have reached the full circle
    return places


def image_codes(images: np.ndarray, *, stride: int, cells: tuple[int, ...] = CELLS) -> np.ndarray:
    """:func:`image_maps`, quantised to 64 codes that do not depend on the data.

    Bins are uniform in the square root of histograms and magnitudes (up to 256), and uniform in L, a and b (-64..64).

    Returns
    -------
    ndarray of shape (N, 13 * len(cells), H / stride, W / stride), uint8
        In 0..63; values out of range are clipped.
    """
    histogram, magnitude = N_CODES / math.sqrt(image.CLIP), N_CODES / 16
    scale = [histogram] * 9 + [magnitude, N_CODES / 100, N_CODES / 128, N_CODES / 128]
    low = [0.0] * 11 + [-64, -64]
    root = [True] * 10 + [False] * 3
    kinds = (
        np.tile(np.array(values, dtype), len(cells)) for values, dtype in ((low, "f4"), (scale, "f4"), (root, "?"))
    )
    bounds = tuple(kinds)
    shape = images.shape[1] // stride, images.shape[2] // stride
    codes = np.empty((len(images), N_CHANNELS * len(cells), *shape), np.uint8)
    for start in range(0, len(images), _BATCH):  # to limit memory
        maps = image_maps(images[start : start + _BATCH], stride=stride, cells=cells)
        codes[start : start + _BATCH] = image.encode(maps, *bounds)
    return codes


def image_taps(patch: Patch, *, stride: int, cells: tuple[int, ...] = CELLS, channels: int = 13) -> np.ndarray:
    """Taps of the image patch around a cell, in the maps of :func:`image_maps`.

    Parameters
    ----------
    patch : tuple of (side, across)
        Side of the HOG cells, in pixels, and the number of adjacent cells along each side of the square patch.
    stride : int
        Stride of the grid, in pixels.
    cells : tuple of int
        Cell sizes of the maps.
    channels : int, default=13
        Maps per cell size.

    Returns
    -------
    int ndarray of shape (F, 3)
        Channel, row offset, column offset.
    """
    taps = []
    for side, across in patch:
        first = cells.index(side) * channels
        step = max(side // stride, 1)
        taps.append(window_taps(np.arange(first, first + channels), (np.arange(across) - across // 2) * step))
    return np.concatenate(taps)


def position_codes(n_subjects: int, shape: tuple[int, int]) -> np.ndarray:
    """Row and column of each cell relative to the centre of the crop.

    Parameters
    ----------
    n_subjects : int
    shape : (h, w)

    Returns
    -------
    ndarray of shape (N, 2, h, w), uint8
        In cells, clipped to 0..63; the centre is 32. Read-only.
    """
    return np.broadcast_to(_places_of_cells(*shape), (n_subjects, 2, *shape))


@cache
def _places_of_cells(height: int, width: int) -> np.ndarray:
    place = np.mgrid[:height, :width] + N_CODES // 2 - np.array([height // 2, width // 2]).reshape(2, 1, 1)
    return place.clip(0, N_CODES - 1).astype(np.uint8)
