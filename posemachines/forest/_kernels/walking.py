"""Compiled loops over trees; :mod:`.walking_twins` has a numpy twin of each.

A forest is given as arrays over its nodes in breadth-first order, so that a node's right child follows its left one. A
negative ``feature`` marks a leaf; ``child`` is the left child, or the row of the leaf in ``leaves``. For walks on maps,
nodes are packed into integers, see :mod:`.step`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from .lanes import LANES, add_lanes
from .step import CELLS, CHILD_SHIFT, step

__all__ = ["descend", "find_leaves", "refine", "walk"]

ROWS = 8  # rows of cells that a thread processes at a time
STRIPS = 8  # of eight cells in a row, whose walks are interleaved to hide memory latency

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
    """Walk the cells of `STRIPS` strips, which start at places[first:], from a root to the rows of their leaves."""
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
    """Add the leaf vectors of all trees to scores (strips * 8, lanes), for the cells of the strips at `places`."""
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
    """Beliefs (N, C, h, w): in each cell, the sum of `prior` (C,) and the leaf vectors of all trees.

    maps (N, L) are read at ``base + i * pitch + j``; nodes are packed; depths are those of the trees; leaves are padded
    with zeros to a multiple of 16 columns; grid is (h, w, pitch, whether to apply the softmax).
    """
    height, width, pitch, softmax = grid
    n, n_classes, n_blocks = len(maps), len(prior), (height + ROWS - 1) // ROWS
    n_strips = (width + CELLS - 1) // CELLS
    beliefs = np.empty((n, n_classes, height, width), np.float32)
    codes = maps.reshape(-1)
    for block in prange(n * n_blocks):
        subject, top = block // n_blocks, block % n_blocks * ROWS
        bottom = min(top + ROWS, height)
        used = (bottom - top) * n_strips
        places = np.empty((used + STRIPS - 1) // STRIPS * STRIPS, np.int64)
        for strip in range(len(places)):  # strips beyond the last row repeat it
            row = min(top + strip // n_strips, bottom - 1)
            places[strip] = subject * maps.shape[1] + row * pitch + strip % n_strips * CELLS
        scores = np.zeros((len(places) * CELLS, leaves.shape[1]), np.float32)
        scores[:, :n_classes] = prior
        _add_trees(nodes, codes, places, roots, depths, leaves, scores)
        for i in range(top, bottom):
            for j in range(width):
                own = scores[(i - top) * n_strips * CELLS + j, :n_classes]
                if softmax:
                    _to_shares(own)
                for c in range(n_classes):
                    beliefs[subject, c, i, j] = own[c]
    return beliefs


@_parallel
def refine(scores, previous, floor):
    """Softmax over C of scores (N, C, h, w) + log(max(previous, floor)), in place."""
    n, n_classes, height, width = scores.shape
    for line in prange(n * height):
        subject, i = line // height, line % height
        cell = np.empty(n_classes, np.float32)
        for j in range(width):
            for c in range(n_classes):
                cell[c] = scores[subject, c, i, j] + math.log(max(previous[subject, c, i, j], floor))
            _to_shares(cell)
            for c in range(n_classes):
                scores[subject, c, i, j] = cell[c]
    return scores


@_loop
def find_leaves(codes, feature, threshold, child, root):
    """Row of the leaf that each column of codes (F, n) reaches in one tree: (n,)."""
    rows = np.empty(codes.shape[1], np.int32)
    for i in range(codes.shape[1]):
        node = root
        while feature[node] >= 0:
            node = child[node] + (codes[feature[node], i] > threshold[node])
        rows[i] = child[node]
    return rows


@_parallel
def descend(descriptors, feature, threshold, child, roots, leaves, prior):
    """Sums (n, C) of `prior` and the leaf vectors of all trees, for descriptors (n, F)."""
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
