"""The descriptor of a cell as a table of taps into packed code maps.

A tap is (channel, row offset, column offset): number f of the descriptor of cell (i, j) is
``maps[channel[f], i + row[f], j + column[f]]``. The maps of a person are packed into one row, with a border as wide as
the taps reach around all those that are read beside the cell. The rows of all maps have the same pitch, so that the
place of a tap is ``base[f] + i * pitch + j``. So a forest can walk on the maps themselves and nothing has to write
the descriptors out.
"""

from __future__ import annotations

import numpy as np

from ._kernels import context

__all__ = ["gather", "locate", "pack", "window_taps"]

REPEAT = context.REPEAT


def window_taps(channels, offsets) -> np.ndarray:
    """Taps at every pair of `offsets` (rows, columns) in every one of `channels`: (C * len(offsets) ** 2, 3)."""
    return np.stack(np.meshgrid(channels, offsets, offsets, indexing="ij"), -1).reshape(-1, 3).astype(np.int32)


def pack(images: np.ndarray, beliefs: np.ndarray, dense: np.ndarray, fill: np.ndarray, reach: int) -> np.ndarray:
    """Maps of some people, packed one row a person.

    Parameters
    ----------
    images : uint8 ndarray of shape (N, A, h, w)
        Codes of image features.
    beliefs : float32 ndarray of shape (N, B, h, w)
        In [0, 1]; coded here, by their square root.
    dense : uint8 ndarray of shape (N, D, h, w)
        Codes that are read at the cell alone, and have no border.
    fill : int16 ndarray of shape (A + B,)
        Code of the border of each of the first maps; -1 repeats the map's own.
    reach : int
        Width of the border, in cells.

    Returns
    -------
    ndarray of shape (N, L), uint8
    """
    return context.pack(images, beliefs, dense, fill, reach)


def locate(taps: np.ndarray, n_bordered: int, reach: int, shape: tuple[int, int]) -> tuple[np.ndarray, int]:
    """Where the taps lie in packed maps.

    Parameters
    ----------
    taps : int ndarray of shape (F, 3)
        Channels count the bordered maps first, then the dense ones.
    n_bordered : int
        Maps with a border, A + B.
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
        Person, row and column.

    Returns
    -------
    ndarray of shape (n, F), uint8
        In column order, which is how trees are grown fastest.
    """
    person, row, column = cells.T
    return context.gather(maps, base, person, row * pitch + column).T
