"""The compiled loops that grow trees on binned descriptors; :mod:`._growing_twins` grows the same trees in numpy."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["encode", "grow"]

FEW = 64  # a node of fewer cells tries some random thresholds a feature instead of all
TRIES = 4

_loop = njit(cache=True, nogil=True)


@_loop
def _draw(state, n):
    """A number below n; advances the generator (xorshift) in state[0]."""
    x = state[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    state[0] = x
    return np.int64((x >> np.uint64(11)) % np.uint64(n))


@_loop
def _purity(left, total, weight, left_weight):
    """Sum of squares over weight of both sides: the larger, the purer."""
    inside, outside = 0.0, 0.0
    for c in range(len(left)):
        inside += left[c] * left[c]
        outside += (total[c] - left[c]) * (total[c] - left[c])
    return inside / left_weight + outside / (weight - left_weight)


@_loop
def _scan(codes, order, classes, weights, total, min_leaf, histogram, counts):
    """Best of all thresholds of one feature: (purity, code)."""
    histogram[:] = 0
    counts[:] = 0
    for i in range(len(order)):
        code = codes[order[i]]
        histogram[code, classes[i]] += weights[i]
        counts[code] += 1
    best, at = -1.0, -1
    left = np.zeros(len(total))
    weight = total.sum()
    left_weight, n_left = 0.0, 0
    for code in range(len(counts) - 1):
        if not counts[code]:
            continue
        n_left += counts[code]
        for c in range(len(total)):
            left[c] += histogram[code, c]
            left_weight += histogram[code, c]
        if n_left < min_leaf:
            continue
        if len(order) - n_left < min_leaf:
            break
        purity = _purity(left, total, weight, left_weight)
        if purity > best:
            best, at = purity, code
    return best, at


@_loop
def _try_few(codes, order, classes, weights, total, min_leaf, state):
    """Best of some thresholds of one feature, drawn among the node's own values."""
    best, at = -1.0, -1
    weight = total.sum()
    left = np.zeros(len(total))
    for _ in range(TRIES):
        code = codes[order[_draw(state, len(order))]]
        if code == at:
            continue
        left[:] = 0
        left_weight, n_left = 0.0, 0
        for i in range(len(order)):
            if codes[order[i]] <= code:
                left[classes[i]] += weights[i]
                left_weight += weights[i]
                n_left += 1
        if n_left < min_leaf or len(order) - n_left < min_leaf:
            continue
        purity = _purity(left, total, weight, left_weight)
        if purity > best:
            best, at = purity, int(code)
    return best, at


@_loop
def _partition(codes, code, order, classes, weights):
    """Cells with codes up to `code` first, in place; how many they are."""
    i, j = 0, len(order) - 1
    while i <= j:
        if codes[order[i]] <= code:
            i += 1
        else:
            order[i], order[j] = order[j], order[i]
            classes[i], classes[j] = classes[j], classes[i]
            weights[i], weights[j] = weights[j], weights[i]
            j -= 1
    return i


@_loop
def _split(codes, order, classes, weights, total, limits, state, histogram, counts):
    """Best (feature, code) among random features; feature -1 where none splits."""
    n_features, min_leaf = limits[0], limits[1]
    best, feature, at = -1.0, -1, -1
    for _ in range(n_features):
        f = _draw(state, len(codes))
        if len(order) < FEW:
            purity, code = _try_few(codes[f], order, classes, weights, total, min_leaf, state)
        else:
            purity, code = _scan(codes[f], order, classes, weights, total, min_leaf, histogram, counts)
        if purity > best:
            best, feature, at = purity, f, code
    return feature, at


@_loop
def _weigh(classes, weights, total):
    total[:] = 0
    for i in range(len(classes)):
        total[classes[i]] += weights[i]


@_loop
def grow(codes, order, classes, weights, limits, n_bins, n_classes, seed):
    """One tree on cells `order` of codes (F, n): nodes (feature, code, left, right) and leaf vectors.

    limits: features a split, cells a leaf, depth. Children below 0 are leaves, ~child. `order`, `classes` and
    `weights` are reordered in place.
    """
    state = np.array([seed], np.uint64)
    room = 2 * len(order) // limits[1] + 2
    nodes, leaves = np.empty((room, 4), np.int32), np.empty((room, n_classes), np.float32)
    stack = np.zeros((limits[2] + 2, 5), np.int64)  # first, last, depth, parent, side
    stack[0] = np.array([0, len(order), 0, -1, 0])
    histogram, counts = np.zeros((n_bins, n_classes)), np.zeros(n_bins, np.int64)  # float64: sums over many cells
    total = np.zeros(n_classes)
    waiting, n_nodes, n_leaves = 1, 0, 0
    while waiting:
        waiting -= 1
        first, last, depth, parent, side = stack[waiting]
        some, shown, heavy = order[first:last], classes[first:last], weights[first:last]
        _weigh(shown, heavy, total)
        feature, code = -1, -1
        if depth < limits[2] and len(some) >= 2 * limits[1] and total.max() < total.sum():
            feature, code = _split(codes, some, shown, heavy, total, limits, state, histogram, counts)
        if parent >= 0:
            nodes[parent, 2 + side] = n_nodes if feature >= 0 else ~n_leaves
        if feature < 0:
            leaves[n_leaves] = total / total.sum()
            n_leaves += 1
            continue
        middle = first + _partition(codes[feature], code, some, shown, heavy)
        nodes[n_nodes, 0], nodes[n_nodes, 1] = feature, code
        stack[waiting] = np.array([middle, last, depth + 1, n_nodes, 1])
        stack[waiting + 1] = np.array([first, middle, depth + 1, n_nodes, 0])
        waiting += 2
        n_nodes += 1
    return nodes[:n_nodes].copy(), leaves[:n_leaves].copy()


@_loop
def encode(descriptors, edges):
    """Bins (F, n) of descriptors (n, F): how many of a feature's edges (E, F), ascending, are below the value."""
    codes = np.empty((descriptors.shape[1], descriptors.shape[0]), np.uint8)
    for f in range(len(codes)):
        column = edges[:, f].copy()
        for i in range(len(descriptors)):
            value = descriptors[i, f]
            low, high = 0, len(column)
            while low < high:
                middle = (low + high) // 2
                if column[middle] < value:
                    low = middle + 1
                else:
                    high = middle
            codes[f, i] = low
    return codes
