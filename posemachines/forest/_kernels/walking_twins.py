"""Slow numpy twins of the loops in :mod:`.walking`, with the same names, arguments and results."""

from __future__ import annotations

import numpy as np

from .step import unpack_nodes

__all__ = ["descend", "find_leaves", "refine", "walk"]


def _rows(values_at, feature, threshold, child, roots, n):
    """Rows of the leaves (trees, n) that n cells reach; values_at(cells, features) gives the values to compare."""
    at = np.repeat(np.asarray(roots)[:, None], n, 1)
    cells = np.broadcast_to(np.arange(n), at.shape)
    while (inner := feature[at] >= 0).any():
        nodes = at[inner]
        at[inner] = child[nodes] + (values_at(cells[inner], feature[nodes]) > threshold[nodes])
    return child[at]


def walk(maps, nodes, roots, depths, leaves, prior, grid):
    """Twin of :func:`.walking.walk`."""
    height, width, pitch, softmax = grid
    base, cut, child = unpack_nodes(nodes)
    subject, row, column = (axis.ravel() for axis in np.mgrid[: len(maps), :height, :width])
    place = row * pitch + column
    rows = _rows(lambda cells, taps: maps[subject[cells], taps + place[cells]], base, cut - 1, child, roots, len(place))
    scores = prior + leaves[rows, : len(prior)].sum(0)
    if softmax:
        scores = np.exp(scores - scores.max(1, keepdims=True))
        scores /= scores.sum(1, keepdims=True)
    return np.moveaxis(scores.reshape(len(maps), height, width, -1), -1, 1).astype(np.float32)


def refine(scores, previous, floor):
    """Twin of :func:`.walking.refine`; does not change its arguments."""
    sums = scores + np.log(np.maximum(previous, floor))
    shares = np.exp(sums - sums.max(1, keepdims=True))
    return (shares / shares.sum(1, keepdims=True)).astype(np.float32)


def find_leaves(codes, feature, threshold, child, root):
    """Twin of :func:`.walking.find_leaves`."""
    return _rows(lambda cells, f: codes[f, cells], feature, threshold, child, [root], codes.shape[1])[0]


def descend(descriptors, feature, threshold, child, roots, leaves, prior):
    """Twin of :func:`.walking.descend`."""
    rows = _rows(lambda cells, f: descriptors[cells, f], feature, threshold, child, roots, len(descriptors))
    return (prior + leaves[rows].sum(0)).astype(np.float32)
