"""The compiled loops of the forest stage; :mod:`._twins` has a plain numpy function of the same name for each.

Arrays in, arrays out, nothing is validated. All of them release the interpreter lock and run on the threads that
:func:`numba.set_num_threads` allows.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

__all__ = ["find_peaks", "gather", "image_maps", "offset_maps", "smooth", "walk"]

N_BINS = 9
N_CHANNELS = N_BINS + 4  # and gradient magnitude, L, a, b
CLIP = 0.4  # largest normalised histogram entry
NOISE = 4.0  # gradient energy, grey values a pixel, below which a block counts as flat
ROWS = 8  # rows of cells a thread walks at a time

_loop = njit(cache=True, nogil=True)
_parallel = njit(cache=True, nogil=True, parallel=True)


@_loop
def _gradient(image, row, column):
    """Largest gradient over the three channels: magnitude, and orientation in bins from the centre of bin 0."""
    height, width, _ = image.shape
    best, best_y, best_x = -1.0, 0.0, 0.0
    for channel in range(3):
        along_y, along_x = 0.0, 0.0
        if 0 < row < height - 1:
            along_y = float(image[row + 1, column, channel]) - float(image[row - 1, column, channel])
        if 0 < column < width - 1:
            along_x = float(image[row, column + 1, channel]) - float(image[row, column - 1, channel])
        energy = along_y * along_y + along_x * along_x
        if energy > best:
            best, best_y, best_x = energy, along_y, along_x
    turn = math.atan2(best_y, best_x) / math.pi % 1.0
    return math.sqrt(best), (turn * N_BINS - 0.5) % N_BINS


@_loop
def _window(index, stride, cell, size):
    """First and one past the last pixel of a cell, inside the image."""
    first = index * stride + (stride - cell) // 2
    return max(first, 0), min(first + cell, size)


@_loop
def _histograms(magnitude, place, stride, cell, maps):
    """Mean votes a pixel in the first nine maps, mean magnitude in the tenth."""
    for i in range(maps.shape[1]):
        top, bottom = _window(i, stride, cell, magnitude.shape[0])
        for j in range(maps.shape[2]):
            left, right = _window(j, stride, cell, magnitude.shape[1])
            votes = np.zeros(N_BINS + 1)
            for row in range(top, bottom):
                for column in range(left, right):
                    strength = magnitude[row, column]
                    low = int(place[row, column])
                    share = place[row, column] - low
                    low = low % N_BINS
                    votes[low] += strength * (1 - share)
                    votes[(low + 1) % N_BINS] += strength * share
                    votes[N_BINS] += strength
            area = (bottom - top) * (right - left)
            for b in range(N_BINS + 1):
                maps[b, i, j] = votes[b] / area


@_loop
def _normalise(maps, step):
    """Divide the histograms by the energy of the block of 3 x 3 cells around each, and clip."""
    _, height, width = maps.shape
    energy = np.zeros((height, width))
    for b in range(N_BINS):
        for i in range(height):
            for j in range(width):
                energy[i, j] += float(maps[b, i, j]) ** 2
    for i in range(height):
        for j in range(width):
            total = NOISE * NOISE
            for di in range(-step, step + 1, step):
                for dj in range(-step, step + 1, step):
                    total += energy[min(max(i + di, 0), height - 1), min(max(j + dj, 0), width - 1)]
            scale = 1 / math.sqrt(total)
            for b in range(N_BINS):
                maps[b, i, j] = min(maps[b, i, j] * scale, CLIP)


@_loop
def _lab_curve(value):
    return value ** (1 / 3) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116


@_loop
def _colours(image, linear, stride, cell, maps):
    """L, a, b (D65) of the mean linear colour of each cell."""
    for i in range(maps.shape[1]):
        top, bottom = _window(i, stride, cell, image.shape[0])
        for j in range(maps.shape[2]):
            left, right = _window(j, stride, cell, image.shape[1])
            red, green, blue = 0.0, 0.0, 0.0
            for row in range(top, bottom):
                for column in range(left, right):
                    red += linear[image[row, column, 0]]
                    green += linear[image[row, column, 1]]
                    blue += linear[image[row, column, 2]]
            area = (bottom - top) * (right - left)
            red, green, blue = red / area, green / area, blue / area
            x = _lab_curve((0.412453 * red + 0.357580 * green + 0.180423 * blue) / 0.95047)
            y = _lab_curve(0.212671 * red + 0.715160 * green + 0.072169 * blue)
            z = _lab_curve((0.019334 * red + 0.119193 * green + 0.950227 * blue) / 1.08883)
            maps[0, i, j] = 116 * y - 16
            maps[1, i, j] = 500 * (x - y)
            maps[2, i, j] = 200 * (y - z)


@_parallel
def image_maps(images, stride, cells, linear):
    """Feature maps (N, 13 * len(cells), h, w) of images (N, H, W, 3); see :func:`.features.image_maps`."""
    n, height, width, _ = images.shape
    maps = np.empty((n, N_CHANNELS * len(cells), height // stride, width // stride), np.float32)
    for person in prange(n):
        magnitude = np.empty((height, width))
        place = np.empty((height, width))
        for row in range(height):
            for column in range(width):
                magnitude[row, column], place[row, column] = _gradient(images[person], row, column)
        for k in range(len(cells)):
            first = N_CHANNELS * k
            _histograms(magnitude, place, stride, cells[k], maps[person, first : first + N_BINS + 1])
            _normalise(maps[person, first : first + N_BINS], max(cells[k] // stride, 1))
            _colours(images[person], linear, stride, cells[k], maps[person, first + N_BINS + 1 : first + N_CHANNELS])
    return maps


@_loop
def _near_peak(peaks, count, i, j, radius):
    for k in range(count):  # noqa: SIM110 - any() over a generator is not compiled
        if abs(i - peaks[k, 0]) <= radius and abs(j - peaks[k, 1]) <= radius:
            return True
    return False


@_parallel
def find_peaks(beliefs, n_peaks, radius):
    """Row, column and value (N, P, K, 3) of the peaks of beliefs (N, P, h, w); see :func:`.psi.find_peaks`."""
    n, n_parts, height, width = beliefs.shape
    peaks = np.zeros((n, n_parts, n_peaks, 3), np.float32)
    for person in prange(n):
        for part in range(n_parts):
            for k in range(n_peaks):
                best, row, column = -np.inf, 0, 0
                for i in range(height):
                    for j in range(width):
                        value = beliefs[person, part, i, j]
                        if value > best and not _near_peak(peaks[person, part], k, i, j, radius):
                            best, row, column = value, i, j
                if best == -np.inf:  # the peaks before cover the whole map: repeat the strongest, at value 0
                    row, column, best = int(peaks[person, part, 0, 0]), int(peaks[person, part, 0, 1]), 0.0
                peaks[person, part, k, 0] = row
                peaks[person, part, k, 1] = column
                peaks[person, part, k, 2] = best
    return peaks


@_parallel
def offset_maps(peaks, height, width):
    """Distance, angle and value maps (N, P * K * 3, h, w) of peaks (N, P, K, 3); see :func:`.psi.offset_maps`."""
    n, n_parts, n_peaks, _ = peaks.shape
    maps = np.empty((n, n_parts * n_peaks * 3, height, width), np.float32)
    for person in prange(n):
        for part in range(n_parts):
            for k in range(n_peaks):
                row, column, value = peaks[person, part, k]
                channel = (part * n_peaks + k) * 3
                for i in range(height):
                    for j in range(width):
                        along_y, along_x = row - i, column - j
                        maps[person, channel, i, j] = math.sqrt(along_y * along_y + along_x * along_x)
                        maps[person, channel + 1, i, j] = math.atan2(along_y, along_x)
                        maps[person, channel + 2, i, j] = value
    return maps


@_loop
def _smooth_rows(values, weights, out):
    """Weighted mean of values (h, w) along their rows, the border repeated."""
    height, width = values.shape
    for i in range(height):
        for j in range(width):
            total = weights[0] * values[i, j]
            for k in range(1, len(weights)):
                total += weights[k] * (values[i, max(j - k, 0)] + values[i, min(j + k, width - 1)])
            out[i, j] = total


@_parallel
def smooth(beliefs, weights):
    """Beliefs (N, C, h, w) smoothed along rows and columns; see :func:`.psi.smooth`."""
    n, n_maps, height, width = beliefs.shape
    smoothed = np.empty((n, n_maps, height, width), np.float32)
    for person in prange(n):
        along_rows = np.empty((height, width))
        for c in range(n_maps):
            _smooth_rows(beliefs[person, c], weights, along_rows)
            _smooth_rows(along_rows.T, weights, smoothed[person, c].T)
    return smoothed


@_parallel
def gather(maps, base, pitch, cells):
    """Descriptors (n, F) of cells (n, 3): person, row, column; see :func:`.taps.gather`."""
    descriptors = np.empty((len(base), len(cells)), np.float32)
    for f in prange(len(base)):
        for i in range(len(cells)):
            descriptors[f, i] = maps[cells[i, 0], base[f] + cells[i, 1] * pitch[f] + cells[i, 2]]
    return descriptors.T


@_parallel
def walk(maps, nodes, thresholds, roots, leaves, height, width):
    """Mean leaf vector (N, C, h, w) of every cell over all trees; see :meth:`.trees.Forest.beliefs`."""
    n, n_classes = len(maps), leaves.shape[1]
    n_blocks = (height + ROWS - 1) // ROWS
    beliefs = np.empty((n, n_classes, height, width), np.float32)
    for block in prange(n * n_blocks):
        person, top = block // n_blocks, block % n_blocks * ROWS
        bottom = min(top + ROWS, height)
        total = np.zeros((bottom - top, width, n_classes), np.float32)
        for tree in range(len(roots)):
            for i in range(top, bottom):
                for j in range(width):
                    node = roots[tree]
                    while node >= 0:
                        value = maps[person, nodes[node, 0] + i * nodes[node, 1] + j]
                        node = nodes[node, 2] if value <= thresholds[node] else nodes[node, 3]
                    for c in range(n_classes):
                        total[i - top, j, c] += leaves[~node, c]
        for i in range(top, bottom):
            for j in range(width):
                for c in range(n_classes):
                    beliefs[person, c, i, j] = total[i - top, j, c] / len(roots)
    return beliefs
