"""Compiled loops over pixels; :mod:`.image_twins` has a numpy twin of each.

The loops do not validate their arguments. They release the GIL and run on the number of threads set by
:func:`numba.set_num_threads`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

__all__ = ["encode", "image_maps"]

CLIP = 0.4  # upper limit of the normalised histograms
NOISE = 4.0  # gradient magnitude, in grey values per pixel, below which a block counts as flat
BANDS = 4  # bands of pixel rows per image, which are distributed over the threads

_loop = njit(cache=True, nogil=True)
_parallel = njit(cache=True, nogil=True, parallel=True)


@_loop
def _gradient(image, row, column):
    """Gradient along y and x, in the channel where it is largest; zero across the border of the image."""
    height, width, _ = image.shape
    up, down = (row - 1, row + 1) if 0 < row < height - 1 else (row, row)
    left, right = (column - 1, column + 1) if 0 < column < width - 1 else (column, column)
    best, best_y, best_x = np.int32(-1), np.int32(0), np.int32(0)
    for channel in range(3):
        along_y = np.int32(image[down, column, channel]) - np.int32(image[up, column, channel])
        along_x = np.int32(image[row, right, channel]) - np.int32(image[row, left, channel])
        energy = along_y * along_y + along_x * along_x
        if energy > best:
            best, best_y, best_x = energy, along_y, along_x
    return best, best_y, best_x


@_loop
def _collect(image, rows, unit, places, linear, sums):
    """Add votes, gradient magnitude and colour of the pixels in `rows` to the squares of `unit` x `unit` pixels.

    sums (H / unit + 1, W / unit + 1, lanes) is filled from index [1, 1]; its last four lanes are the magnitude and
    linear red, green and blue.
    """
    n_bins = sums.shape[2] - 4
    for row in range(rows[0], rows[1]):
        for column in range(image.shape[1]):
            energy, along_y, along_x = _gradient(image, row, column)
            square = sums[row // unit + 1, column // unit + 1]
            if energy:
                magnitude = math.sqrt(energy)
                place = places[along_y + 255, along_x + 255]
                low = int(place)
                share = place - low
                square[low] += magnitude * (1 - share)
                square[low + 1 if low + 1 < n_bins else 0] += magnitude * share
                square[n_bins] += magnitude
            for channel in range(3):
                square[n_bins + 1 + channel] += linear[image[row, column, channel]]


@_loop
def _integrate(sums):
    """Cumulative sums over rows and columns, in place."""
    height, width, lanes = sums.shape
    for i in range(1, height):
        for j in range(1, width):
            for lane in range(lanes):
                sums[i, j, lane] += sums[i, j - 1, lane]
        for j in range(1, width):
            for lane in range(lanes):
                sums[i, j, lane] += sums[i - 1, j, lane]


@_loop
def _window(index, stride, cell, unit, n_units):
    """First and last (exclusive) square of a cell, clipped to the image."""
    first = (index * stride + (stride - cell) // 2) // unit
    return max(first, 0), min(first + cell // unit, n_units)


@_loop
def _cell_means(sums, stride, cell, unit, maps):
    """Mean per pixel over each cell, for all lanes."""
    for i in range(maps.shape[1]):
        top, bottom = _window(i, stride, cell, unit, sums.shape[0] - 1)
        for j in range(maps.shape[2]):
            left, right = _window(j, stride, cell, unit, sums.shape[1] - 1)
            scale = 1 / ((bottom - top) * (right - left) * unit * unit)
            for lane in range(maps.shape[0]):
                inside = sums[bottom, right, lane] - sums[top, right, lane]
                maps[lane, i, j] = (inside - sums[bottom, left, lane] + sums[top, left, lane]) * scale


@_loop
def _normalise(maps, step):
    """Divide each histogram by the norm of the block of 3 x 3 cells around it, and clip."""
    _, height, width = maps.shape
    energy = np.zeros((height, width), np.float32)
    for b in range(len(maps)):
        for i in range(height):
            for j in range(width):
                energy[i, j] += maps[b, i, j] * maps[b, i, j]
    for i in range(height):
        for j in range(width):
            total = np.float32(NOISE * NOISE)
            for di in range(-step, step + 1, step):
                for dj in range(-step, step + 1, step):
                    total += energy[min(max(i + di, 0), height - 1), min(max(j + dj, 0), width - 1)]
            energy_of_block = np.float32(1 / math.sqrt(total))
            for b in range(len(maps)):
                maps[b, i, j] = min(max(maps[b, i, j], 0) * energy_of_block, CLIP)


@_loop
def _lab_curve(value):
    return math.exp(math.log(value) / 3) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116


@_loop
def _to_lab(maps):
    """Convert linear red, green and blue to L, a, b (D65), in place."""
    for i in range(maps.shape[1]):
        for j in range(maps.shape[2]):
            red, green, blue = maps[0, i, j], maps[1, i, j], maps[2, i, j]
            x = _lab_curve((0.412453 * red + 0.357580 * green + 0.180423 * blue) / 0.95047)
            y = _lab_curve(0.212671 * red + 0.715160 * green + 0.072169 * blue)
            z = _lab_curve((0.019334 * red + 0.119193 * green + 0.950227 * blue) / 1.08883)
            maps[0, i, j] = 116 * y - 16
            maps[1, i, j] = 500 * (x - y)
            maps[2, i, j] = 200 * (y - z)


@_parallel
def image_maps(images, stride, cells, unit, places, linear):
    """Feature maps (N, (bins + 4) * len(cells), h, w) of images (N, H, W, 3); see :func:`.features.image_maps`.

    unit divides the sides and positions of all cells; places (511, 511) is the orientation of each gradient, in bins.
    """
    n, height, width, _ = images.shape
    n_bins = math.ceil(places.max())
    lanes = n_bins + 4
    maps = np.empty((n, lanes * len(cells), height // stride, width // stride), np.float32)
    sums = np.zeros((n, height // unit + 1, width // unit + 1, lanes))
    n_rows = height // unit
    for strip in prange(n * BANDS):
        subject, band = strip // BANDS, strip % BANDS
        rows = (band * n_rows // BANDS * unit, (band + 1) * n_rows // BANDS * unit)
        _collect(images[subject], rows, unit, places, linear, sums[subject])
    for subject in prange(n):
        _integrate(sums[subject])
    for job in prange(n * len(cells)):
        subject, k = job // len(cells), job % len(cells)
        own = maps[subject, lanes * k : lanes * (k + 1)]
        _cell_means(sums[subject], stride, cells[k], unit, own)
        _normalise(own[:n_bins], max(cells[k] // stride, 1))
        _to_lab(own[n_bins + 1 :])
    return maps


@_parallel
def encode(maps, low, scale, root):
    """Codes (N, C, h, w) of maps: (v - low) * scale, rounded down and clipped to 0..63; v is the value or its root."""
    n, n_maps, height, width = maps.shape
    codes = np.empty(maps.shape, np.uint8)
    for job in prange(n * n_maps):
        subject, c = job // n_maps, job % n_maps
        bottom, steps, rooted = low[c], scale[c], root[c]
        for i in range(height):
            for j in range(width):
                value = maps[subject, c, i, j]
                if rooted:
                    value = np.float32(math.sqrt(max(value, np.float32(0))))
                code = (value - bottom) * steps
                codes[subject, c, i, j] = np.uint8(min(max(code, np.float32(0)), np.float32(63)))
    return codes
