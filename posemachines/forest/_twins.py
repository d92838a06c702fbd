"""Plain numpy twins of the loops in :mod:`._kernels`: the same names, arguments and results, slowly."""

from __future__ import annotations

import numpy as np

__all__ = ["find_peaks", "gather", "image_maps", "offset_maps", "smooth", "walk"]

N_BINS = 9
CLIP = 0.4
NOISE = 4.0

_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_WHITE = np.array([0.95047, 1.0, 1.08883])


def _gradients(images):
    """Magnitude and orientation (N, H, W), the orientation in bins from the centre of bin 0."""
    images = images.astype(float)
    along_y, along_x = np.zeros_like(images), np.zeros_like(images)
    along_y[:, 1:-1] = images[:, 2:] - images[:, :-2]
    along_x[:, :, 1:-1] = images[:, :, 2:] - images[:, :, :-2]
    best = (along_y**2 + along_x**2).argmax(-1)[..., None]
    along_y, along_x = (np.take_along_axis(axis, best, -1)[..., 0] for axis in (along_y, along_x))
    turn = np.arctan2(along_y, along_x) / np.pi % 1
    return np.sqrt(along_y**2 + along_x**2), (turn * N_BINS - 0.5) % N_BINS


def _cell_means(values, stride, cell):
    """Mean of values (N, H, W, C) over each cell: (N, C, h, w)."""
    for axis in (1, 2):
        size = values.shape[axis]
        first = np.arange(size // stride) * stride + (stride - cell) // 2
        windows = [np.arange(max(start, 0), min(start + cell, size)) for start in first]
        values = np.stack([values.take(window, axis).mean(axis) for window in windows], axis)
    return np.moveaxis(values, -1, 1)


def _normalise(histograms, step):
    """Divide the histograms by the energy of the block of 3 x 3 cells around each, and clip."""
    height, width = histograms.shape[2:]
    energy = (histograms**2).sum(1)
    total = np.full_like(energy, NOISE**2)
    for di in (-step, 0, step):
        for dj in (-step, 0, step):
            rows, columns = np.arange(height) + di, np.arange(width) + dj
            total += energy[:, rows.clip(0, height - 1)][:, :, columns.clip(0, width - 1)]
    return np.minimum(histograms / np.sqrt(total)[:, None], CLIP)


def _lab(rgb):
    """L, a, b (N, 3, h, w) of linear RGB."""
    xyz = np.einsum("kc,nchw->knhw", _XYZ, rgb) / _WHITE[:, None, None, None]
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def image_maps(images, stride, cells, linear):
    """Twin of :func:`._kernels.image_maps`."""
    magnitude, place = _gradients(images)
    low = place.astype(int) % N_BINS
    share = place - place.astype(int)
    votes = np.zeros((*magnitude.shape, N_BINS + 1))
    np.put_along_axis(votes, low[..., None], (magnitude * (1 - share))[..., None], -1)
    np.put_along_axis(votes, (low[..., None] + 1) % N_BINS, (magnitude * share)[..., None], -1)
    votes[..., N_BINS] = magnitude
    maps = []
    for cell in cells:
        means = _cell_means(votes, stride, cell)
        maps.append(_normalise(means[:, :N_BINS], max(cell // stride, 1)))
        maps.append(means[:, N_BINS:])
        maps.append(_lab(_cell_means(linear[images], stride, cell)))
    return np.concatenate(maps, 1).astype(np.float32)


def find_peaks(beliefs, n_peaks, radius):
    """Twin of :func:`._kernels.find_peaks`."""
    n, n_parts, height, width = beliefs.shape
    beliefs = beliefs.reshape(n * n_parts, height, width).copy()
    rows, columns = np.mgrid[:height, :width]
    peaks = np.zeros((n * n_parts, n_peaks, 3), np.float32)
    for k in range(n_peaks):
        best = beliefs.reshape(len(beliefs), -1).argmax(1)
        row, column = np.divmod(best, width)
        value = beliefs[np.arange(len(beliefs)), row, column]
        nothing = np.isneginf(value)
        peaks[:, k] = np.stack([row, column, value], -1)
        peaks[nothing, k] = peaks[nothing, 0] * [1, 1, 0]
        near = (abs(rows - row[:, None, None]) <= radius) & (abs(columns - column[:, None, None]) <= radius)
        beliefs[near] = -np.inf
    return peaks.reshape(n, n_parts, n_peaks, 3)


def offset_maps(peaks, height, width):
    """Twin of :func:`._kernels.offset_maps`."""
    n, n_parts, n_peaks, _ = peaks.shape
    rows, columns = np.mgrid[:height, :width]
    along_y = peaks[..., 0, None, None] - rows
    along_x = peaks[..., 1, None, None] - columns
    value = np.broadcast_to(peaks[..., 2, None, None], along_y.shape)
    maps = np.stack([np.hypot(along_y, along_x), np.arctan2(along_y, along_x), value], 3)
    return maps.reshape(n, n_parts * n_peaks * 3, height, width).astype(np.float32)


def smooth(beliefs, weights):
    """Twin of :func:`._kernels.smooth`."""
    smoothed = beliefs.astype(float)
    for axis in (3, 2):
        place, last = np.arange(beliefs.shape[axis]), beliefs.shape[axis] - 1
        total = weights[0] * smoothed
        for k, weight in enumerate(weights[1:], 1):
            before, after = (smoothed.take(np.clip(place + step, 0, last), axis) for step in (-k, k))
            total += weight * (before + after)
        smoothed = total
    return smoothed.astype(np.float32)


def gather(maps, base, pitch, cells):
    """Twin of :func:`._kernels.gather`."""
    person, row, column = cells.T[..., None]
    return maps[person, base + row * pitch + column]


def walk(maps, nodes, thresholds, roots, leaves, height, width):
    """Twin of :func:`._kernels.walk`."""
    person, row, column = (axis.ravel() for axis in np.mgrid[: len(maps), :height, :width])
    total = np.zeros((len(person), leaves.shape[1]), np.float32)
    for root in roots:
        at = np.full(len(person), root)
        inner = np.flatnonzero(at >= 0)
        while len(inner):
            base, pitch, left, right = nodes[at[inner]].T
            value = maps[person[inner], base + row[inner] * pitch + column[inner]]
            at[inner] = np.where(value <= thresholds[at[inner]], left, right)
            inner = inner[at[inner] >= 0]
        total += leaves[~at]
    return np.moveaxis((total / len(roots)).reshape(len(maps), height, width, -1), -1, 1)
