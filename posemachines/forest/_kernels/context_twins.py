"""Slow numpy twins of the loops in :mod:`.context`, with the same names, arguments and results."""

from __future__ import annotations

import numpy as np

__all__ = ["find_peaks", "gather", "offset_codes", "pack", "smooth"]

REPEAT = -1
SLACK = 16


def find_peaks(beliefs, n_peaks, radius):
    """Twin of :func:`.context.find_peaks`."""
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


def _code(values):
    return np.minimum(np.sqrt(np.maximum(values, 0)) * 64, 63).astype(np.uint8)


def offset_codes(peaks, distances, angles):
    """Twin of :func:`.context.offset_codes`."""
    n, n_maps, n_peaks, _ = peaks.shape
    height, width = np.array(distances.shape) // 2 + 1
    rows, columns = np.mgrid[:height, :width]
    way = (height - 1 - peaks[..., 0, None, None] + rows).astype(int)
    across = (width - 1 - peaks[..., 1, None, None] + columns).astype(int)
    value = np.broadcast_to(_code(peaks[..., 2, None, None]), way.shape)
    codes = np.stack([distances[way, across], angles[way, across], value], 3)
    return codes.reshape(n, n_maps * n_peaks * 3, height, width)


def smooth(beliefs, weights):
    """Twin of :func:`.context.smooth`."""
    smoothed = beliefs
    for axis in (2, 3):
        place, last = np.arange(beliefs.shape[axis]), beliefs.shape[axis] - 1
        total = weights[0] * smoothed
        for k, weight in enumerate(weights[1:], 1):
            before, after = (smoothed.take(np.clip(place + step, 0, last), axis) for step in (-k, k))
            total = total + weight * (before + after)
        smoothed = total
    return smoothed.astype(np.float32)


def pack(images, beliefs, dense, fill, reach):
    """Twin of :func:`.context.pack`."""
    n = len(images)
    codes = np.concatenate([images, _code(beliefs)], 1)
    sides = ((0, 0), (reach, reach), (reach, reach))
    padded = [
        np.pad(codes[:, c], sides, "edge")
        if value == REPEAT
        else np.pad(codes[:, c], sides, "constant", constant_values=value)
        for c, value in enumerate(fill)
    ]
    wide = np.pad(dense, ((0, 0), (0, 0), (0, 0), (0, 2 * reach)))
    rows = [values.reshape(n, -1) for values in (*padded, wide)]
    return np.concatenate([*rows, np.zeros((n, SLACK), np.uint8)], 1)


def gather(packed, base, subjects, places):
    """Twin of :func:`.context.gather`."""
    return packed[subjects, base[:, None] + places]
