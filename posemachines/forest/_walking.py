"""The compiled loops over trees; :mod:`._walking_twins` has a plain numpy function of the same name for each.

A forest is given as arrays over its nodes, breadth first, so that a node's right child follows its left one:
``feature`` or ``base`` below 0 marks a leaf; ``child`` is the left child, or the leaf's row in ``leaves``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

__all__ = ["descend", "find_leaves", "refine", "walk"]

ROWS = 8  # rows of cells a thread walks at a time
LANES = 16  # cells of a row whose walks overlap, so that one need not wait for another's memory

_loop = njit(cache=True, nogil=True)
_parallel = njit(cache=True, nogil=True, parallel=True)


@_loop
def _to_shares(scores):
    """Softmax of a vector, in place."""
    highest = scores.max()
    total = np.float32(0)
    for c in range(len(scores)):
        scores[c] = math.exp(scores[c] - highest)
        total += scores[c]
    for c in range(len(scores)):
        scores[c] /= total


@_loop
def _walk_lanes(maps, place, base, threshold, child, root, at):
    """Move `LANES` neighbouring cells, the first at `place`, from the root to their leaves' rows."""
    for lane in range(LANES):
        at[lane] = root
    moving = base[root] >= 0
    while moving:
        moving = False
        for lane in range(LANES):
            node = at[lane]
            tap = base[node]
            if tap >= 0:
                at[lane] = child[node] + (maps[tap + place + lane] > threshold[node])
                moving = True
    for lane in range(LANES):
        at[lane] = child[at[lane]]


@_parallel
def walk(maps, base, threshold, child, roots, leaves, prior, grid):
    """Beliefs (N, C, h, w): the sum of `prior` (C,) and of every tree's leaf vector, in each cell.

    maps (N, L) are read at ``base[node] + i * pitch + j``; grid is (h, w, pitch, softmax or not).
    """
    height, width, pitch, softmax = grid
    n, n_classes = len(maps), leaves.shape[1]
    n_blocks = (height + ROWS - 1) // ROWS
    beliefs = np.empty((n, n_classes, height, width), np.float32)
    for block in prange(n * n_blocks):
        person, top = block // n_blocks, block % n_blocks * ROWS
        bottom = min(top + ROWS, height)
        scores = np.empty((bottom - top, width + LANES, n_classes), np.float32)
        scores[:] = prior
        at = np.empty(LANES, np.int32)
        for tree in range(len(roots)):
            for i in range(top, bottom):
                for first in range(0, width, LANES):
                    _walk_lanes(maps[person], i * pitch + first, base, threshold, child, roots[tree], at)
                    for lane in range(LANES):
                        leaf = at[lane]
                        for c in range(n_classes):
                            scores[i - top, first + lane, c] += leaves[leaf, c]
        for i in range(top, bottom):
            for j in range(width):
                if softmax:
                    _to_shares(scores[i - top, j])
                for c in range(n_classes):
                    beliefs[person, c, i, j] = scores[i - top, j, c]
    return beliefs


@_parallel
def refine(scores, previous, floor):
    """Softmax over C of scores (N, C, h, w) plus the logarithm of previous (N, C, h, w), cut at `floor`, in place."""
    n, n_classes, height, width = scores.shape
    for line in prange(n * height):
        person, i = line // height, line % height
        cell = np.empty(n_classes, np.float32)
        for j in range(width):
            for c in range(n_classes):
                cell[c] = scores[person, c, i, j] + math.log(max(previous[person, c, i, j], floor))
            _to_shares(cell)
            for c in range(n_classes):
                scores[person, c, i, j] = cell[c]
    return scores


@_loop
def find_leaves(codes, feature, threshold, child, root):
    """Row of the leaf (n,) that each column of codes (F, n) reaches in one tree."""
    rows = np.empty(codes.shape[1], np.int32)
    for i in range(codes.shape[1]):
        node = root
        while feature[node] >= 0:
            node = child[node] + (codes[feature[node], i] > threshold[node])
        rows[i] = child[node]
    return rows


@_parallel
def descend(descriptors, feature, threshold, child, roots, leaves, prior):
    """Sums (n, C) of `prior` and of every tree's leaf vector, of descriptors (n, F)."""
    scores = np.empty((len(descriptors), leaves.shape[1]), np.float32)
    for i in prange(len(descriptors)):
        scores[i] = prior
        for tree in range(len(roots)):
            node = roots[tree]
            while feature[node] >= 0:
                node = child[node] + (descriptors[i, feature[node]] > threshold[node])
            for c in range(leaves.shape[1]):
                scores[i, c] += leaves[child[node], c]
    return scores
