"""Slow numpy twins of the loops in :mod:`.image`, with the same names, arguments and results."""

from __future__ import annotations

import numpy as np

__all__ = ["encode", "image_maps"]

CLIP = 0.4
NOISE = 4.0

_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_WHITE = np.array([0.95047, 1.0, 1.08883])


def _gradients(images):
    """Gradient along y and x (N, H, W), in the channel where it is largest."""
    images = images.astype(int)
    along_y, along_x = np.zeros_like(images), np.zeros_like(images)
    along_y[:, 1:-1] = images[:, 2:] - images[:, :-2]
    along_x[:, :, 1:-1] = images[:, :, 2:] - images[:, :, :-2]
    best = (along_y**2 + along_x**2).argmax(-1)[..., None]
    return (np.take_along_axis(axis, best, -1)[..., 0] for axis in (along_y, along_x))


def _cell_means(values, stride, cell):
    """Mean of values (N, H, W, C) over each cell, (N, C, h, w)."""
    for axis in (1, 2):
        size = values.shape[axis]
        first = np.arange(size // stride) * stride + (stride - cell) // 2
        windows = [np.arange(max(start, 0), min(start + cell, size)) for start in first]
        values = np.stack([values.take(window, axis).mean(axis) for window in windows], axis)
    return np.moveaxis(values, -1, 1)


def _normalise(histograms, step):
    """Divide each histogram by the norm of the block of 3 x 3 cells around it, and clip."""
    height, width = histograms.shape[2:]
    energy = (histograms**2).sum(1)
    total = np.full_like(energy, NOISE**2)
    for di in (-step, 0, step):
        for dj in (-step, 0, step):
            rows, columns = np.arange(height) + di, np.arange(width) + dj
            total += energy[:, rows.clip(0, height - 1)][:, :, columns.clip(0, width - 1)]
    return np.minimum(histograms / np.sqrt(total)[:, None], CLIP)


def _lab(rgb):
    """Convert linear RGB to L, a, b (N, 3, h, w)."""
    xyz = np.einsum("kc,nchw->knhw", _XYZ, rgb) / _WHITE[:, None, None, None]
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def image_maps(images, stride, cells, unit, places, linear):
    """Twin of :func:`.image.image_maps`."""
    n_bins = int(np.ceil(places.max()))
    along_y, along_x = _gradients(images)
    magnitude, place = np.hypot(along_y, along_x), places[along_y + 255, along_x + 255].astype(float)
    low = place.astype(int)
    votes = np.zeros((*magnitude.shape, n_bins + 1))
    pixels = tuple(np.indices(low.shape))
    votes[(*pixels, low)] += magnitude * (1 - place + low)
    votes[(*pixels, (low + 1) % n_bins)] += magnitude * (place - low)
    votes[..., n_bins] = magnitude
    maps = []
    for cell in cells:
        means = _cell_means(votes, stride, cell)
        maps.append(_normalise(means[:, :n_bins], max(cell // stride, 1)))
        maps.append(means[:, n_bins:])
        maps.append(_lab(_cell_means(linear[images], stride, cell)))
    return np.concatenate(maps, 1).astype(np.float32)


def encode(maps, low, scale, root):
    """Twin of :func:`.image.encode`."""
    low, scale, root = (values[:, None, None] for values in (low, scale, root))
    values = np.where(root, np.sqrt(np.maximum(maps, 0)), maps)
    return np.clip((values - low) * scale, 0, 63).astype(np.uint8)
