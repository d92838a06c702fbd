"""Slow numpy twin of the loop in :mod:`.growing`, with the same name, arguments and results."""

from __future__ import annotations

import numpy as np

__all__ = ["grow"]

_WORD = 2**64 - 1


class _Draws:
    """The xorshift generator."""

    def __init__(self, seed):
        self.x = int(seed)

    def below(self, n):
        self.x ^= self.x << 13 & _WORD
        self.x ^= self.x >> 7
        self.x ^= self.x << 17 & _WORD
        return (self.x >> 11) % n


def _score(sums, penalty):
    return (sums[:-1] ** 2).sum() / (sums[-1] + penalty)


def _best_code(seen, values, total, min_leaf, penalty):
    """Purity and code of the best threshold of one feature."""
    best, at = -1.0, -1
    for code in np.unique(seen):
        inside = seen <= code
        if min(inside.sum(), (~inside).sum()) < min_leaf:
            continue
        left = values[inside].sum(0)
        purity = _score(left, penalty) + _score(total - left, penalty)
        if purity > best:
            best, at = purity, code
    return best, at


def grow(codes, order, values, limits, n_codes, seed):
    """Twin of :func:`.growing.grow`; all histograms are those of the cells themselves."""
    n_tried, min_leaf, max_depth, penalty, share = limits
    draws = _Draws(seed)
    drawn = np.arange(len(codes))
    nodes: list = []
    leaves: list = []

    def choose():
        for k in range(int(n_tried)):
            other = k + draws.below(len(drawn) - k)
            drawn[[k, other]] = drawn[[other, k]]

    def split(first, last, total):
        best, feature, at = _score(total, penalty) * 1.00001, -1, -1
        if not (share and nodes):
            choose()
        for f in drawn[: int(n_tried)]:
            purity, code = _best_code(codes[f, order[first:last]], values[first:last], total, min_leaf, penalty)
            if purity > best:
                best, feature, at = purity, f, code
        return feature, at

    def add(first, last, depth):
        total = values[first:last].sum(0)
        feature = -1
        if depth < max_depth and last - first >= 2 * min_leaf:
            feature, code = split(first, last, total)
        if feature < 0:
            leaves.append(total)
            return ~(len(leaves) - 1)
        number = len(nodes)
        nodes.append([feature, code, 0, 0])
        inside = codes[feature, order[first:last]] <= code
        moved, middle = np.argsort(~inside, kind="stable"), inside.sum()
        order[first:last], values[first:last] = order[first:last][moved], values[first:last][moved]
        nodes[number][2] = add(first, first + middle, depth + 1)
        nodes[number][3] = add(first + middle, last, depth + 1)
        return number

    add(0, len(order), 0)
    return np.array(nodes, np.int32).reshape(-1, 4), np.array(leaves, np.float32)
