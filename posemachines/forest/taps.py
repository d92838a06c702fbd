"""Descriptors of cells, defined by a table of taps into packed code maps.

A tap is (channel, row offset, column offset): value f of the descriptor of cell (i, j) is
``maps[channel[f], i + row[f], j + column[f]]``. The maps of each subject are packed into one row. Maps that are read at
an offset have a border as wide as the taps reach. All maps have the same pitch, so the position of a tap is
``base[f] + i * pitch + j``. Forests can therefore be evaluated on the maps, without storing descriptors.
"""

from __future__ import annotations

import numpy as np

from ._kernels import context

__all__ = ["gather", "locate", "pack", "window_taps"]

REPEAT = context.REPEAT


def window_taps(channels, offsets) -> np.ndarray:
    """Taps at all pairs of `offsets` (rows, columns) in all `channels`: (C * len(offsets) ** 2, 3)."""
    return np.stack(np.meshgrid(channels, offsets, offsets, indexing="ij"), -1).reshape(-1, 3).astype(np.int32)


def pack(images: np.ndarray, beliefs: np.ndarray, dense: np.ndarray, fill: np.ndarray, reach: int) -> np.ndarray:
    """Pack maps, one row per subject.

    Parameters
    ----------
    images : uint8 ndarray of shape (N, A, h, w)
        Codes of image features.
    beliefs : float32 ndarray of shape (N, B, h, w)
        In [0, 1]; the codes are of their square roots.
    dense : uint8 ndarray of shape (N, D, h, w)
        Codes that are only read at the cell itself, and need no border.
    fill : int16 ndarray of shape (A + B,)
        Code of the border of each image and belief map; -1 repeats the edge of the map.
    reach : int
        Width of the border, in cells.

    Returns
    -------
    ndarray of shape (N, L), uint8
    """
    return context.pack(images, beliefs, dense, fill, reach)


def locate(taps: np.ndarray, n_bordered: int, reach: int, shape: tuple[int, int]) -> tuple[np.ndarray, int]:
    """Positions of the taps in packed maps.

    Parameters
    ----------
    taps : int ndarray of shape (F, 3)
        Channels are numbered from the maps with a border to the dense ones.
    n_bordered : int
        Number of maps with a border, A + B.
    reach : int
    shape : (h, w)

    Returns
    -------
    base : int32 ndarray of shape (F,)
    pitch : int
        Tap f of cell (i, j) is at ``base[f] + i * pitch + j``.
    """
    height, width = shape
    pitch = width + 2 * reach
    size = (height + 2 * reach) * pitch
    channel, row, column = taps.T.astype(np.int64)
    bordered = channel * size + (row + reach) * pitch + column + reach
    dense = n_bordered * size + (channel - n_bordered) * height * pitch
    return np.where(channel < n_bordered, bordered, dense).astype(np.int32), pitch


def gather(maps: np.ndarray, base: np.ndarray, pitch: int, cells: np.ndarray) -> np.ndarray:
    """Descriptors of some cells.

    Parameters
    ----------
    maps : uint8 ndarray of shape (N, L)
        From :func:`pack`.
    base, pitch
        From :func:`locate`.
    cells : int32 ndarray of shape (n, 3)
        Subject, row and column.

    Returns
    -------
    ndarray of shape (n, F), uint8
        In Fortran order, in which trees are grown fastest.
    """
    subject, row, column = cells.T
    return context.gather(maps, base, subject, row * pitch + column).T
