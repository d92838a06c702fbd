"""Belief maps (heatmaps): the grid, Gaussian targets, and decoding to joints.

The belief maps of a crop of H x W pixels have h x w cells, where h = H / stride and w = W / stride; cell i is centred
on pixel ``stride * i + (stride - 1) / 2``. There is one map per part, and a last one for the background.
"""

from __future__ import annotations

import numpy as np

from ._utils.checks import check_joints
from ._utils.deprecation import renamed_keyword

__all__ = ["cells_to_pixels", "decode", "flip_beliefs", "gaussian_beliefs", "pixels_to_cells", "resize_beliefs"]

NEGLIGIBLE = 0.01  # Gaussian targets are zero below this fraction of their peak


def cells_to_pixels(cells, stride: int):
    """Convert grid coordinates (of any shape, may be fractional) to pixels."""
    return np.asarray(cells, np.float32) * stride + (stride - 1) / 2


def pixels_to_cells(pixels, stride: int):
    """Convert pixels to fractional grid coordinates: the inverse of :func:`cells_to_pixels`."""
    return (np.asarray(pixels, np.float32) - (stride - 1) / 2) / stride


def gaussian_beliefs(joints, shape: tuple[int, int], *, stride: int, sigma: float) -> np.ndarray:
    """Ideal belief maps: a Gaussian with peak 1 at each labelled joint.

    Parameters
    ----------
    joints : ndarray of shape (N, P, 3)
        x, y in pixels of the crop, and labelled; an unlabelled joint gets an all-zero map.
    shape : (h, w)
        Grid size, in cells.
    stride : int
        Pixels per cell.
    sigma : float
        Standard deviation, in pixels.

    Returns
    -------
    ndarray of shape (N, P+1, h, w), float32
        In [0, 1]. Values below 1 % of the peak are set to zero; the background, last, is one minus the maximum over the
        parts.

    Raises
    ------
    ValueError
        If the joints are malformed or `sigma` is not positive.

    References
    ----------
    .. [1] Wei et al., "Convolutional Pose Machines", CVPR 2016, section 3.2.2.
    """
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, in pixels; got {sigma}")
    joints = check_joints(joints)
    height, width = shape
    columns = cells_to_pixels(np.arange(width), stride)
    rows = cells_to_pixels(np.arange(height), stride)
    along_x = np.exp(-((columns - joints[..., :1]) ** 2) / (2 * sigma**2))
    along_y = np.exp(-((rows - joints[..., 1:2]) ** 2) / (2 * sigma**2))
    parts = along_y[..., :, None] * along_x[..., None, :] * joints[..., 2, None, None]
    parts[parts < NEGLIGIBLE] = 0
    background = 1 - parts.max(1, keepdims=True)
    return np.concatenate([parts, background], axis=1).astype(np.float32)


@renamed_keyword(refine="subpixel")
def decode(beliefs, *, stride: int, subpixel: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Decode belief maps to joints: the peak of each part, with subpixel refinement.

    Parameters
    ----------
    beliefs : ndarray of shape (N, P+1, h, w)
        The last map, the background, is not decoded.
    stride : int
        Pixels per cell.
    subpixel : bool, default=True
        Move the peak to the vertex of the parabola through the peak cell and its two neighbours, separately in x and
        y, by at most half a cell. Peaks on the border stay in place along that axis.

    Returns
    -------
    joints : ndarray of shape (N, P, 2), float32
        x, y in pixels of the crop.
    scores : ndarray of shape (N, P), float32
        Belief in the peak cell.

    Notes
    -----
    The papers use the plain argmax, as ``subpixel=False`` does. Of equal maxima, the first in row order is taken.
    """
    beliefs = np.asarray(beliefs)
    if beliefs.ndim != 4 or beliefs.shape[1] < 2:
        raise ValueError(f"beliefs must be (N, P+1, h, w) with the background last; got shape {beliefs.shape}")
    parts = beliefs[:, :-1]
    n, n_parts, height, width = parts.shape
    flat = parts.reshape(n, n_parts, -1)
    best = flat.argmax(-1)
    scores = np.take_along_axis(flat, best[..., None], -1)[..., 0].astype(np.float32)
    row, column = np.divmod(best, width)
    cells = np.stack([column, row], -1).astype(np.float32)
    if subpixel:
        subject, part = np.ogrid[:n, :n_parts]
        for axis, (place, size) in enumerate(((column, width), (row, height))):
            before, after = np.maximum(place - 1, 0), np.minimum(place + 1, size - 1)
            low = parts[subject, part, row, before] if axis == 0 else parts[subject, part, before, column]
            high = parts[subject, part, row, after] if axis == 0 else parts[subject, part, after, column]
            curvature = 2 * scores - low - high
            inside = (place > 0) & (place < size - 1) & (curvature > 0)
            shift = np.divide(high - low, 2 * curvature, out=np.zeros_like(scores), where=inside)
            cells[..., axis] += np.clip(shift, -0.5, 0.5)
    return cells_to_pixels(cells, stride), scores


def flip_beliefs(beliefs, flip_order) -> np.ndarray:
    """Belief maps of the flipped image: columns reversed, left and right parts swapped.

    Parameters
    ----------
    beliefs : ndarray of shape (N, P+1, h, w)
    flip_order : sequence of P ints
        :attr:`Skeleton.flip_order <posemachines.Skeleton.flip_order>`.

    Returns
    -------
    ndarray of shape (N, P+1, h, w)
        A copy of `beliefs`.
    """
    order = [*flip_order, len(flip_order)]
    if np.ndim(beliefs) != 4 or np.shape(beliefs)[1] != len(order):
        raise ValueError(f"beliefs must be (N, {len(order)}, h, w) for this flip order; got {np.shape(beliefs)}")
    return np.ascontiguousarray(np.asarray(beliefs)[:, order, :, ::-1])


def resize_beliefs(beliefs: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize belief maps to another grid, by bilinear interpolation.

    Parameters
    ----------
    beliefs : float32 ndarray of shape (N, C, h, w)
    shape : (h, w)
        Size of the new grid, in cells.

    Returns
    -------
    float32 ndarray of shape (N, C, h, w)
        Where the maps summed to 1 in every cell, they still do.
    """
    import cv2

    if beliefs.shape[2:] == tuple(shape):
        return beliefs
    resized = np.empty((*beliefs.shape[:2], *shape), np.float32)
    for out, maps in zip(resized.reshape(-1, *shape), beliefs.reshape(-1, *beliefs.shape[2:]), strict=True):
        cv2.resize(np.ascontiguousarray(maps), shape[::-1], dst=out, interpolation=cv2.INTER_LINEAR)
    return resized
