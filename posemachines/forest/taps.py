"""The descriptor of a cell as a table of taps into packed feature maps.

A tap is (channel, row offset, column offset): number f of the descriptor of cell (i, j) is
``maps[channel[f], i + row[f], j + column[f]]``. The maps of a person are padded, each as far as its taps reach, and
packed into one row, in which the place of a tap is linear in the cell. So a forest can walk on the maps themselves
and nothing has to write the descriptors out.
"""

from __future__ import annotations

import numpy as np

from . import _kernels

__all__ = ["gather", "locate", "margins", "pack", "window_taps"]


def window_taps(channels, offsets) -> np.ndarray:
    """Taps at every pair of `offsets` (rows, columns) in every one of `channels`: (C * len(offsets) ** 2, 3)."""
    return np.stack(np.meshgrid(channels, offsets, offsets, indexing="ij"), -1).reshape(-1, 3).astype(np.int32)


def margins(taps: np.ndarray, n_channels: int) -> np.ndarray:
    """How far, in cells, the taps reach in each of `n_channels` channels: (n_channels,)."""
    reach = np.zeros(n_channels, int)
    np.maximum.at(reach, taps[:, 0], abs(taps[:, 1:]).max(1))
    return reach


def pack(maps: list[np.ndarray], padding: np.ndarray, fill: np.ndarray) -> np.ndarray:
    """Feature maps, padded and packed, one row a person.

    Parameters
    ----------
    maps : list of ndarray of shape (N, C_i, h, w)
        C channels in all.
    padding : int ndarray of shape (C,)
        Cells added on all sides of each channel.
    fill : ndarray of shape (C,)
        Value of the added cells; NaN repeats the border of the map.

    Returns
    -------
    ndarray of shape (N, L), float32
    """
    height, width = maps[0].shape[2:]
    sizes = (height + 2 * padding) * (width + 2 * padding)
    packed = np.empty((len(maps[0]), sizes.sum()), np.float32)
    ends = sizes.cumsum()
    channels = (values for part in maps for values in np.moveaxis(part, 1, 0))
    for values, pad, constant, size, end in zip(channels, padding, fill, sizes, ends, strict=True):
        out = packed[:, end - size : end].reshape(len(values), height + 2 * pad, width + 2 * pad)
        out[:, pad : pad + height, pad : pad + width] = values
        if not pad:
            continue
        repeat = np.isnan(constant)
        out[:, pad : pad + height, :pad] = values[:, :, :1] if repeat else constant
        out[:, pad : pad + height, pad + width :] = values[:, :, -1:] if repeat else constant
        out[:, :pad] = out[:, pad : pad + 1] if repeat else constant
        out[:, pad + height :] = out[:, pad + height - 1 : pad + height] if repeat else constant
    return packed


def locate(taps: np.ndarray, padding: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Where the taps lie in packed maps.

    Parameters
    ----------
    taps : int ndarray of shape (F, 3)
    padding : int ndarray of shape (C,)
    shape : (h, w)

    Returns
    -------
    base, pitch : int32 ndarrays of shape (F,)
        Tap f of cell (i, j) is at ``base[f] + i * pitch[f] + j``.
    """
    height, width = shape
    pitch = width + 2 * padding
    sizes = (height + 2 * padding) * pitch
    start = sizes.cumsum() - sizes + padding * pitch + padding
    channel, row, column = taps.T
    base = start[channel] + row * pitch[channel] + column
    return base.astype(np.int32), pitch[channel].astype(np.int32)


def gather(maps: np.ndarray, base: np.ndarray, pitch: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Descriptors of some cells.

    Parameters
    ----------
    maps : float32 ndarray of shape (N, L)
        From :func:`pack`.
    base, pitch : int32 ndarrays of shape (F,)
        From :func:`locate`.
    cells : int32 ndarray of shape (n, 3)
        Person, row and column.

    Returns
    -------
    ndarray of shape (n, F), float32
        In column order, which is how trees are grown fastest.
    """
    return _kernels.gather(maps, base, pitch, cells)
