"""Compiled loops over belief maps; :mod:`.context_twins` has a numpy twin of each."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

__all__ = ["find_peaks", "gather", "offset_codes", "pack", "smooth"]

REPEAT = -1  # fill value of a border that repeats the edge of the map
SLACK = 16  # codes after the last map, since cells that are processed together may extend beyond the last row

_loop = njit(cache=True, nogil=True)
_parallel = njit(cache=True, nogil=True, parallel=True)


@_loop
def _near_peak(peaks, count, i, j, radius):
    for k in range(count):  # noqa: SIM110 - numba does not compile any() over a generator
        if abs(i - peaks[k, 0]) <= radius and abs(j - peaks[k, 1]) <= radius:
            return True
    return False


@_loop
def _find_peaks(values, radius, peaks):
    height, width = values.shape
    for k in range(len(peaks)):
        best, row, column = -np.inf, 0, 0
        for i in range(height):
            for j in range(width):
                if values[i, j] > best and not _near_peak(peaks, k, i, j, radius):
                    best, row, column = values[i, j], i, j
        if best == -np.inf:  # previous peaks suppress the whole map: repeat the strongest, with value 0
            row, column, best = int(peaks[0, 0]), int(peaks[0, 1]), 0.0
        peaks[k, 0] = row
        peaks[k, 1] = column
        peaks[k, 2] = best


@_parallel
def find_peaks(beliefs, n_peaks, radius):
    """Row, column and value (N, M, K, 3) of the peaks of beliefs (N, M, h, w); see :func:`.psi.find_peaks`."""
    n, n_maps = beliefs.shape[:2]
    peaks = np.zeros((n, n_maps, n_peaks, 3), np.float32)
    for job in prange(n * n_maps):
        subject, c = job // n_maps, job % n_maps
        _find_peaks(beliefs[subject, c], radius, peaks[subject, c])
    return peaks


@_loop
def _code(value):
    """Code of a belief: its square root, rounded down to one of 64 values."""
    return np.uint8(np.int32(min(math.sqrt(max(value, np.float32(0))) * np.float32(64), np.float32(63))))


@_parallel
def offset_codes(peaks, distances, angles):
    """Codes (N, M * K * 3, h, w) of the distance, angle and value of peaks (N, M, K, 3).

    distances and angles (2 h - 1, 2 w - 1) are the codes of all offsets between two cells; the zero offset is in the
    centre.
    """
    n, n_maps, n_peaks, _ = peaks.shape
    height, width = distances.shape[0] // 2 + 1, distances.shape[1] // 2 + 1
    codes = np.empty((n, n_maps * n_peaks * 3, height, width), np.uint8)
    for job in prange(n * n_maps * n_peaks):
        subject, peak = job // (n_maps * n_peaks), job % (n_maps * n_peaks)
        row, column, value = peaks[subject, peak // n_peaks, peak % n_peaks]
        top, left = height - 1 - int(row), width - 1 - int(column)
        for i in range(height):
            for j in range(width):
                codes[subject, peak * 3, i, j] = distances[top + i, left + j]
                codes[subject, peak * 3 + 1, i, j] = angles[top + i, left + j]
        codes[subject, peak * 3 + 2] = _code(value)
    return codes


@_loop
def _blur(values, weights, out):
    """Weighted mean of values (h, w) along the columns; edges are repeated."""
    height, width = values.shape
    for i in range(height):
        for j in range(width):
            out[i, j] = weights[0] * values[i, j]
        for k in range(1, len(weights)):
            above, below, weight = max(i - k, 0), min(i + k, height - 1), weights[k]
            for j in range(width):
                out[i, j] += weight * (values[above, j] + values[below, j])


@_parallel
def smooth(beliefs, weights):
    """Beliefs (N, C, h, w) smoothed along rows and columns; see :func:`.psi.smooth`."""
    n, n_maps, height, width = beliefs.shape
    smoothed = np.empty((n, n_maps, height, width), np.float32)
    for job in prange(n * n_maps):
        subject, c = job // n_maps, job % n_maps
        turned, blurred = np.empty((width, height), np.float32), np.empty((height, width), np.float32)
        _blur(beliefs[subject, c], weights, blurred)
        across = np.ascontiguousarray(blurred.T)
        _blur(across, weights, turned)
        smoothed[subject, c] = turned.T
    return smoothed


@_loop
def _pad(values, reach, fill, out):
    """Copy values (h, w) to the centre of out (h + 2 reach, w + 2 reach) and fill the border."""
    height, width = values.shape
    constant = np.uint8(max(fill, 0))
    for i in range(height):
        first = values[i, 0] if fill == REPEAT else constant
        last = values[i, width - 1] if fill == REPEAT else constant
        for j in range(reach):
            out[reach + i, j] = first
            out[reach + i, reach + width + j] = last
        for j in range(width):
            out[reach + i, reach + j] = values[i, j]
    for i in range(reach):
        for j in range(width + 2 * reach):
            out[i, j] = out[reach, j] if fill == REPEAT else constant
            out[reach + height + i, j] = out[reach + height - 1, j] if fill == REPEAT else constant


@_parallel
def pack(images, beliefs, dense, fill, reach):
    """One row of code maps per subject: first those with a border, then those without; see :func:`.taps.pack`.

    images (N, A, h, w) and dense (N, D, h, w) are codes; beliefs (N, B, h, w) are converted to codes. fill (A + B,) is
    the code of the border of each map, where -1 repeats its edge.
    """
    n, n_images, height, width = images.shape
    n_padded, n_dense = n_images + beliefs.shape[1], dense.shape[1]
    pitch = width + 2 * reach
    size = (height + 2 * reach) * pitch
    packed = np.empty((n, n_padded * size + n_dense * height * pitch + SLACK), np.uint8)
    for job in prange(n * (n_padded + n_dense)):
        subject, c = job // (n_padded + n_dense), job % (n_padded + n_dense)
        if c < n_padded:
            out = packed[subject, c * size : (c + 1) * size].reshape(height + 2 * reach, pitch)
            if c < n_images:
                _pad(images[subject, c], reach, fill[c], out)
            else:
                values = np.empty((height, width), np.uint8)
                for i in range(height):
                    for j in range(width):
                        values[i, j] = _code(beliefs[subject, c - n_images, i, j])
                _pad(values, reach, fill[c], out)
        else:
            first = n_padded * size + (c - n_padded) * height * pitch
            flat = packed[subject, first : first + height * pitch].reshape(height, pitch)
            flat[:, :width] = dense[subject, c - n_padded]
            flat[:, width:] = 0
    packed[:, n_padded * size + n_dense * height * pitch :] = 0
    return packed


@_parallel
def gather(packed, base, subjects, places):
    """Descriptors (F, n) of cells: value f of cell i is ``packed[subjects[i], base[f] + places[i]]``."""
    descriptors = np.empty((len(base), len(subjects)), np.uint8)
    for f in prange(len(base)):
        for i in range(len(subjects)):
            descriptors[f, i] = packed[subjects[i], base[f] + places[i]]
    return descriptors
