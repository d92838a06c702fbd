"""Plain numpy twins of the loops in :mod:`._growing`."""

from __future__ import annotations

import numpy as np

__all__ = ["encode", "grow"]

FEW = 64
TRIES = 4
_WORD = 2**64 - 1


class _Draws:
    """The numbers of the xorshift generator."""

    def __init__(self, seed):
        self.x = int(seed)

    def below(self, n):
        self.x ^= self.x << 13 & _WORD
        self.x ^= self.x >> 7
        self.x ^= self.x << 17 & _WORD
        return (self.x >> 11) % n


def _try(values, codes, shown, total, min_leaf):
    """Purity and code of the best of the splits at `codes`, tried in order."""
    best, at = -1.0, -1
    for code in codes:
        inside = values <= code
        if code == at or min(inside.sum(), (~inside).sum()) < min_leaf:
            continue
        left = shown[inside].sum(0)
        purity = (left**2).sum() / left.sum() + ((total - left) ** 2).sum() / (total - left).sum()
        if purity > best:
            best, at = purity, code
    return best, at


def grow(codes, order, classes, weights, limits, n_bins, n_classes, seed):
    """Twin of :func:`._growing.grow`; leaves its arguments alone."""
    n_features, min_leaf, max_depth = limits
    draws = _Draws(seed)
    nodes: list = []
    leaves: list = []
    shown = np.eye(n_classes)[classes] * weights[:, None]

    def split(rows, total):
        best, feature, at = -1.0, -1, -1
        for _ in range(n_features):
            f = draws.below(len(codes))
            values = codes[f, order[rows]]
            few = len(rows) < FEW
            tried = [values[draws.below(len(rows))] for _ in range(TRIES)] if few else np.unique(values)
            purity, code = _try(values, tried, shown[rows], total, min_leaf)
            if purity > best:
                best, feature, at = purity, f, code
        return feature, at

    def add(rows, depth):
        total = shown[rows].sum(0)
        feature = -1
        if depth < max_depth and len(rows) >= 2 * min_leaf and total.max() < total.sum():
            feature, code = split(rows, total)
        if feature < 0:
            leaves.append(total / total.sum())
            return ~(len(leaves) - 1)
        number = len(nodes)
        nodes.append([feature, code, 0, 0])
        left, right = _partition(codes[feature, order[rows]] <= code, rows)
        nodes[number][2] = add(left, depth + 1)
        nodes[number][3] = add(right, depth + 1)
        return number

    add(np.arange(len(order)), 0)
    return np.array(nodes, np.int32).reshape(-1, 4), np.array(leaves, np.float32)


def _partition(inside, rows):
    """The rows inside and outside, in the order in which exchanges from both ends leave them."""
    rows, inside = rows.copy(), inside.copy()
    i, j = 0, len(rows) - 1
    while i <= j:
        if inside[i]:
            i += 1
        else:
            rows[[i, j]], inside[[i, j]] = rows[[j, i]], inside[[j, i]]
            j -= 1
    return rows[:i], rows[i:]


def encode(descriptors, edges):
    """Twin of :func:`._growing.encode`."""
    columns = [np.searchsorted(edges[:, f], descriptors[:, f]) for f in range(edges.shape[1])]
    return np.array(columns, np.uint8).reshape(edges.shape[1], len(descriptors))
