"""The compiled loops over trees; :mod:`._walking_twins` has a plain numpy function of the same name for each.

A forest is given as arrays over its nodes, breadth first, so that a node's right child follows its left one:
``feature`` below 0 marks a leaf; ``child`` is the left child, or the leaf's row in ``leaves``. To be walked on maps its
nodes are packed, see :mod:`._step`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from .lanes import LANES, add_lanes
from .step import CELLS, CHILD_SHIFT, step

__all__ = ["descend", "find_leaves", "refine", "walk"]

ROWS = 8  # rows of cells a thread walks at a time
STRIPS = 8  # of eight cells of a row, whose walks overlap, so that one need not wait for another's memory

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
def _walk_strips(nodes, maps, places, first, root, depth, at):
    """Move the cells of `STRIPS` strips, whose places are places[first:], from a root to their leaves' rows."""
    a, b, c, d = places[first], places[first + 1], places[first + 2], places[first + 3]
    e, f, g, h = places[first + 4], places[first + 5], places[first + 6], places[first + 7]
    at[:] = root
    for _ in range(depth):
        moving = step(nodes, maps, a, at, 0) | step(nodes, maps, b, at, 8)
        moving |= step(nodes, maps, c, at, 16) | step(nodes, maps, d, at, 24)
        moving |= step(nodes, maps, e, at, 32) | step(nodes, maps, f, at, 40)
        moving |= step(nodes, maps, g, at, 48) | step(nodes, maps, h, at, 56)
        if not moving:
            break
    for lane in range(STRIPS * CELLS):
        at[lane] = nodes[at[lane]] >> CHILD_SHIFT


@_loop
def _add_trees(nodes, maps, places, roots, depths, leaves, scores):
    """Add the leaf vectors of all trees to scores (strips * 8, lanes) of the cells of all strips at `places`."""
    n_lanes = leaves.shape[1]
    sums, vectors = scores.reshape(-1), leaves.reshape(-1)
    at = np.empty(STRIPS * CELLS, np.int64)
    for tree in range(len(roots)):
        for first in range(0, len(places), STRIPS):
            _walk_strips(nodes, maps, places, first, roots[tree], depths[tree], at)
            for lane in range(STRIPS * CELLS):
                cell = (first * CELLS + lane) * n_lanes
                for c in range(0, n_lanes, LANES):
                    add_lanes(sums, cell + c, vectors, at[lane] * n_lanes + c)


@_parallel
def walk(maps, nodes, roots, depths, leaves, prior, grid):
    """Beliefs (N, C, h, w): the sum of `prior` (C,) and of every tree's leaf vector, in each cell.

    maps (N, L) are read at ``base + i * pitch + j``; nodes are packed, depths are those of the trees, leaves have a
    multiple of 16 columns, those after C being zero; grid is (h, w, pitch, softmax or not).
    """
    height, width, pitch, softmax = grid
    n, n_classes, n_blocks = len(maps), len(prior), (height + ROWS - 1) // ROWS
    n_strips = (width + CELLS - 1) // CELLS
    beliefs = np.empty((n, n_classes, height, width), np.float32)
    codes = maps.reshape(-1)
    for block in prange(n * n_blocks):
        person, top = block // n_blocks, block % n_blocks * ROWS
        bottom = min(top + ROWS, height)
        used = (bottom - top) * n_strips
        places = np.empty((used + STRIPS - 1) // STRIPS * STRIPS, np.int64)
        for strip in range(len(places)):  # those beyond the last row repeat it
            row = min(top + strip // n_strips, bottom - 1)
            places[strip] = person * maps.shape[1] + row * pitch + strip % n_strips * CELLS
        scores = np.zeros((len(places) * CELLS, leaves.shape[1]), np.float32)
        scores[:, :n_classes] = prior
        _add_trees(nodes, codes, places, roots, depths, leaves, scores)
        for i in range(top, bottom):
            for j in range(width):
                own = scores[(i - top) * n_strips * CELLS + j, :n_classes]
                if softmax:
                    _to_shares(own)
                for c in range(n_classes):
                    beliefs[person, c, i, j] = own[c]
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
