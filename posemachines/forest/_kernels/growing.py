"""Compiled loops that grow trees on codes; :mod:`.growing_twins` grows the same trees in numpy."""

from __future__ import annotations

import numpy as np
from numba import njit

from .lanes import LANES, add_lanes

__all__ = ["grow"]

AT_ONCE = 4  # features whose histograms are filled together

_loop = njit(cache=True, nogil=True, error_model="numpy")  # an empty side divides by zero, which never wins
_sum = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})


@_loop
def _draw(state, n):
    """Random integer below n; advances the xorshift generator in state[0]."""
    x = state[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    state[0] = x
    return np.int64((x >> np.uint64(11)) % np.uint64(n))


@_sum
def _purity(left, total, targets, penalty):
    """Squared sums divided by the weights, of both sides of a split; larger is better.

    The last lane is the weight; targets is 0 in that lane and 1 in all others.
    """
    inside, outside = np.float32(0), np.float32(0)
    for lane in range(len(left)):
        rest = total[lane] - left[lane]
        inside += targets[lane] * left[lane] * left[lane]
        outside += targets[lane] * rest * rest
    return inside / (left[-1] + penalty) + outside / (total[-1] - left[-1] + penalty)


@_loop
def _fill(codes, features, order, values, histograms, counts):
    """Sum of the values, and number of cells, of each code of some features.

    An addition to a code waits for the one before if that was to the same code; so four features are filled in turn.
    """
    n_lanes, size = values.shape[1], histograms.shape[1] * values.shape[1]
    sums, rows = histograms.reshape(-1), values.reshape(-1)
    histograms[:] = 0
    counts[:] = 0
    a, b, c, d = codes[features[0]], codes[features[1]], codes[features[2]], codes[features[3]]
    for i in range(len(order)):
        cell = order[i]
        of_a, of_b, of_c, of_d = np.int64(a[cell]), np.int64(b[cell]), np.int64(c[cell]), np.int64(d[cell])
        for first in range(0, n_lanes, LANES):
            row = i * n_lanes + first
            add_lanes(sums, of_a * n_lanes + first, rows, row)
            add_lanes(sums, of_b * n_lanes + first + size, rows, row)
            add_lanes(sums, of_c * n_lanes + first + 2 * size, rows, row)
            add_lanes(sums, of_d * n_lanes + first + 3 * size, rows, row)
        counts[0, of_a] += 1
        counts[1, of_b] += 1
        counts[2, of_c] += 1
        counts[3, of_d] += 1


@_loop
def _scan(n_cells, limits, histogram, counts, left):
    """Purity and code of the best threshold of one feature."""
    n_lanes, min_leaf, penalty = histogram.shape[1], np.int64(limits[1]), np.float32(limits[3])
    sums = histogram.reshape(-1)
    left[:2] = 0
    before, whole = left[0], left[1]
    for code in range(len(counts)):  # instead of the sum of the node, which is rounded differently
        for first in range(0, n_lanes, LANES):
            add_lanes(whole, first, sums, code * n_lanes + first)
    best, at, n_left = np.float32(-1), -1, 0
    for code in range(len(counts) - 1):
        if not counts[code]:
            continue
        n_left += counts[code]
        for first in range(0, n_lanes, LANES):
            add_lanes(before, first, sums, code * n_lanes + first)
        if n_left < min_leaf:
            continue
        if n_cells - n_left < min_leaf:
            break
        purity = _purity(before, whole, left[2], penalty)
        if purity > best:
            best, at = purity, code
    return best, at


@_loop
def _partition(codes, code, order, values, spare_order, spare_values):
    """Move cells with codes up to `code` to the front, in place and stably; return their number."""
    n_left, n_right = 0, 0
    for i in range(len(order)):
        if codes[order[i]] <= code:
            order[n_left] = order[i]
            values[n_left] = values[i]
            n_left += 1
        else:
            spare_order[n_right] = order[i]
            spare_values[n_right] = values[i]
            n_right += 1
    order[n_left:] = spare_order[:n_right]
    values[n_left:] = spare_values[:n_right]
    return n_left


@_loop
def _sum_rows(values, total):
    sums = np.zeros(values.shape[1])
    for i in range(len(values)):
        for lane in range(values.shape[1]):
            sums[lane] += values[i, lane]
    total[:] = sums


@_loop
def _subtract(whole, part):
    """Take the values of one array from those of another, in place."""
    minuend, subtrahend = whole.reshape(-1), part.reshape(-1)
    for i in range(len(minuend)):
        minuend[i] -= subtrahend[i]


@_loop
def _choose(state, drawn, n):
    """Draw n different numbers of `drawn`, which it reorders, to its front."""
    for k in range(n):
        other = k + _draw(state, len(drawn) - k)
        drawn[k], drawn[other] = drawn[other], drawn[k]


@_loop
def _fill_all(codes, features, order, values, histograms, counts):
    """Histograms of all these features; their number is a multiple of AT_ONCE."""
    for k in range(0, len(features), AT_ONCE):
        some = slice(k, k + AT_ONCE)
        _fill(codes, features[some], order, values, histograms[some], counts[some])


@_loop
def _split(n_cells, n_tried, total, limits, histograms, counts, left):
    """Number, among the features tried, of the best one, and its code; -1 if no split is an improvement."""
    spread = np.float32(0)
    for lane in range(len(total) - 1):
        spread += total[lane] * total[lane]
    best = np.float32(spread / (total[-1] + limits[3]) * 1.00001)  # ignore gains within rounding error
    tried, at = -1, -1
    for k in range(n_tried):
        purity, code = _scan(n_cells, limits, histograms[k], counts[k], left)
        if purity > best:
            best, tried, at = purity, k, code
    return tried, at


@_loop
def grow(codes, order, values, limits, n_codes, seed):
    """Grow one tree on the cells `order` (m,) of codes (F, n).

    values (m, lanes) are summed in each node: a multiple of 16 values per cell, of which the last is its weight.
    limits are the number of features that are tried, the minimum number of cells per leaf, the maximum depth, the
    weight that is added to each side, and whether all splits try the same features (1) or each its own (0). `order` and
    `values` are reordered in place.

    If all splits try the same features, only the histograms of the smaller side of a split are filled; those of the
    larger side are those of the node without them.

    Returns nodes (feature, code, left, right), where a negative child is the leaf ~child, and the sum of the values in
    each leaf.
    """
    state = np.array([seed], np.uint64)
    n_lanes, min_leaf, max_depth = values.shape[1], np.int64(limits[1]), np.int64(limits[2])
    n_tried, share = np.int64(limits[0]), limits[4] > 0
    room = 2 * len(order) // min_leaf + 2
    if max_depth < 30:
        room = min(room, 2**max_depth + 1)
    nodes, leaves = np.empty((room, 4), np.int32), np.empty((room, n_lanes), np.float32)
    deepest = min(max_depth, np.int64(len(order))) + 2
    stack = np.zeros((deepest, 6), np.int64)  # first, last, depth, parent, side, where its histograms are
    stack[0] = np.array([0, len(order), 0, -1, 0, 0])
    spare = np.arange(deepest)  # where no histograms are: the first n_spare
    n_spare = deepest - 1
    spare[0], spare[n_spare] = spare[n_spare], spare[0]
    n_filled = -(-n_tried // AT_ONCE) * AT_ONCE
    n_kept = deepest if share else 1
    histograms = np.empty((n_kept, n_filled, n_codes, n_lanes), np.float32)
    counts = np.empty((n_kept, n_filled, n_codes), np.int64)
    drawn, features = np.arange(len(codes)), np.zeros(n_filled, np.int64)
    left, total = np.ones((3, n_lanes), np.float32), np.empty(n_lanes, np.float32)
    spare_order, spare_values = np.empty_like(order), np.empty_like(values)
    left[2, -1] = 0
    waiting, n_nodes, n_leaves = 1, 0, 0
    while waiting:
        waiting -= 1
        first, last, depth, parent, side, at = stack[waiting]
        some, shown = order[first:last], values[first:last]
        _sum_rows(shown, total)
        feature, code = -1, -1
        if depth < max_depth and len(some) >= 2 * min_leaf:
            if parent < 0 or not share:
                _choose(state, drawn, n_tried)
                features[:n_tried] = drawn[:n_tried]
                _fill_all(codes, features, some, shown, histograms[at], counts[at])
            tried, code = _split(len(some), n_tried, total, limits, histograms[at], counts[at], left)
            if tried >= 0:
                feature = features[tried]
        if parent >= 0:
            nodes[parent, 2 + side] = n_nodes if feature >= 0 else ~n_leaves
        if feature < 0:
            if share and at >= 0:
                spare[n_spare] = at
                n_spare += 1
            leaves[n_leaves] = total
            n_leaves += 1
            continue
        middle = first + _partition(codes[feature], code, some, shown, spare_order, spare_values)
        nodes[n_nodes, 0], nodes[n_nodes, 1] = feature, code
        at_left, at_right = at, at
        if share and depth + 1 < max_depth and max(middle - first, last - middle) >= 2 * min_leaf:
            n_spare -= 1
            new = spare[n_spare]
            smaller = slice(first, middle)
            if middle - first <= last - middle:
                at_left = new
            else:
                smaller, at_right = slice(middle, last), new
            _fill_all(codes, features, order[smaller], values[smaller], histograms[new], counts[new])
            _subtract(histograms[at], histograms[new])
            _subtract(counts[at], counts[new])
        elif share:
            spare[n_spare] = at
            n_spare += 1
            at_left, at_right = -1, -1
        stack[waiting] = np.array([middle, last, depth + 1, n_nodes, 1, at_right])
        stack[waiting + 1] = np.array([first, middle, depth + 1, n_nodes, 0, at_left])
        waiting += 2
        n_nodes += 1
    return nodes[:n_nodes].copy(), leaves[:n_leaves].copy()
