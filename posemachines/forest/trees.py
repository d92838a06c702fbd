"""Forests as plain arrays, and their evaluation on packed code maps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ._kernels import walking
from ._kernels.lanes import LANES
from ._kernels.step import pack_nodes

__all__ = ["Forest", "flatten", "flatten_tree", "join", "lay_out", "start_scores"]

LEAF = -1  # feature index of a leaf
FLOOR = 1e-3  # beliefs are clipped to this value before taking logarithms


@dataclass(frozen=True)
class Forest:
    """Trees over descriptors, with a vector over the classes in each leaf.

    The scores of a cell are `prior` plus the sum, over all trees, of the vectors of the leaves that it reaches. Nodes
    are stored tree by tree in breadth-first order. A cell goes to ``child`` if ``descriptor[feature] <= threshold``,
    and to ``child + 1`` otherwise. Where ``feature`` is -1 the node is a leaf, and ``child`` is the row of its vector.

    Attributes
    ----------
    feature : int32 ndarray of shape (nodes,)
    threshold : float32 ndarray of shape (nodes,)
    child : int32 ndarray of shape (nodes,)
    roots : int32 ndarray of shape (trees,)
    leaves : float32 ndarray of shape (leaves, C)
    prior : float32 ndarray of shape (C,)
    softmax : bool
        Whether scores are log-odds, to which the softmax is applied, or probabilities.
    """

    feature: np.ndarray
    threshold: np.ndarray
    child: np.ndarray
    roots: np.ndarray
    leaves: np.ndarray
    prior: np.ndarray
    softmax: bool

    @property
    def n_nodes(self) -> int:
        """Number of nodes of all trees, including leaves."""
        return len(self.feature)

    def scores(self, descriptors: np.ndarray) -> np.ndarray:
        """Scores (n, C), before the softmax, of descriptors (n, F) of any numeric type."""
        return walking.descend(
            descriptors, self.feature, self.threshold, self.child, self.roots, self.leaves, self.prior
        )

    def bases(self, base: np.ndarray) -> np.ndarray:
        """Packed nodes for a walk on packed maps, int64 (nodes,), given the positions (F,) of the taps in the maps."""
        return pack_nodes(np.where(self.feature < 0, LEAF, base[self.feature]), self.threshold, self.child)

    @cached_property
    def depths(self) -> np.ndarray:
        """Depth of each tree, int64 (trees,)."""
        depths, tree, at = np.zeros(len(self.roots), np.int64), np.arange(len(self.roots)), self.roots
        while (inner := self.feature[at] >= 0).any():
            depths[tree[inner]] += 1
            left, tree = self.child[at[inner]], np.tile(tree[inner], 2)
            at = np.concatenate([left, left + 1])
        return depths

    def node_visits(self, maps: np.ndarray, base: np.ndarray, shape: tuple[int, int], pitch: int) -> int:
        """Total number of comparisons in all trees and all cells of some subjects.

        Parameters
        ----------
        maps, shape, pitch
            As in :meth:`beliefs`.
        base : int64 ndarray of shape (F,)
            Positions of the taps in the maps.

        Returns
        -------
        int

        Notes
        -----
        The walk itself may execute more steps, because cells are processed in strips.
        """
        total = 0
        places = (np.arange(shape[0])[:, None] * pitch + np.arange(shape[1])).ravel()
        for codes in maps:
            at, place = np.repeat(self.roots, len(places)), np.tile(places, len(self.roots))
            while (inner := self.feature[at] >= 0).any():
                at, place = at[inner], place[inner]
                total += len(at)
                at = self.child[at] + (codes[base[self.feature[at]] + place] > self.threshold[at])
        return total

    @cached_property
    def _wide_leaves(self) -> np.ndarray:
        """Leaf vectors, padded with zeros to a multiple of the lanes that are added at once."""
        missing = -self.leaves.shape[1] % LANES
        return np.pad(self.leaves, ((0, 0), (0, missing)))

    def beliefs(
        self,
        maps: np.ndarray,
        bases: np.ndarray,
        shape: tuple[int, int],
        pitch: int,
        *,
        previous: np.ndarray | None = None,
    ) -> np.ndarray:
        """Beliefs in all cells of some subjects, computed without storing descriptors.

        Parameters
        ----------
        maps : uint8 ndarray of shape (N, L)
            From :func:`.taps.pack`.
        bases : int64 ndarray of shape (nodes,)
            From :meth:`bases`.
        shape : (h, w)
        pitch : int
            Distance between consecutive rows of cells in the maps.
        previous : float32 ndarray of shape (N, C, h, w), optional
            Previous beliefs, for a forest that was trained with initial scores (:func:`start_scores`).

        Returns
        -------
        ndarray of shape (N, C, h, w), float32
        """
        grid = (*shape, pitch, self.softmax and previous is None)
        scores = walking.walk(maps, bases, self.roots, self.depths, self._wide_leaves, self.prior, grid)
        return scores if previous is None else walking.refine(scores, previous, np.float32(FLOOR))


def start_scores(beliefs: np.ndarray) -> np.ndarray:
    """Initial scores of a later stage's boosting: logarithms of the previous beliefs (n, C)."""
    return np.log(np.maximum(beliefs, FLOOR)).astype(np.float32)


def lay_out(feature, threshold, left, right) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Convert one tree to breadth-first order: feature, threshold and child as in :class:`Forest`.

    Parameters
    ----------
    feature, threshold, left, right : ndarray of shape (nodes,)
        Inner nodes, the first of which is the root. A negative child is a leaf, and ``~child`` the row of its vector.
        A tree without inner nodes is the leaf 0.

    Returns
    -------
    feature, threshold, child : ndarray of shape (nodes + leaves,)
        int32, float32 and int32.
    """
    levels, at = [], np.array([0 if len(feature) else ~0])
    while len(at):
        levels.append(at)
        inner = at[at >= 0]
        at = np.stack([left[inner], right[inner]], 1).ravel()
    order = np.concatenate(levels)
    inner = order >= 0
    child = ~order
    child[inner] = 2 * np.arange(inner.sum()) + 1
    laid, cut = np.full(len(order), LEAF, np.int32), np.zeros(len(order), np.float32)
    laid[inner], cut[inner] = np.asarray(feature)[order[inner]], np.asarray(threshold)[order[inner]]
    return laid, cut, child.astype(np.int32)


def join(trees: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]], prior, *, softmax: bool) -> Forest:
    """Join trees (feature, threshold, child, leaf vectors), each with its own numbering, to a forest."""
    features, thresholds, children, roots, leaves = [], [], [], [], []
    first_node = first_leaf = 0
    for feature, threshold, child, vectors in trees:
        features.append(feature)
        thresholds.append(threshold)
        children.append(child + np.where(feature < 0, first_leaf, first_node))
        roots.append(first_node)
        leaves.append(vectors)
        first_node += len(feature)
        first_leaf += len(vectors)
    return Forest(
        np.concatenate(features).astype(np.int32),
        np.concatenate(thresholds).astype(np.float32),
        np.concatenate(children).astype(np.int32),
        np.array(roots, np.int32),
        np.concatenate(leaves).astype(np.float32),
        np.asarray(prior, np.float32),
        softmax,
    )


def flatten(model, n_classes: int) -> Forest:
    """Convert a fitted scikit-learn forest classifier to a :class:`Forest`.

    Parameters
    ----------
    model : RandomForestClassifier or ExtraTreesClassifier
        Fitted on classes in 0..`n_classes` - 1.
    n_classes : int
        Length of the leaf vectors; classes without training samples get 0.

    Returns
    -------
    Forest
        Its scores equal ``model.predict_proba`` of the same descriptors.

    Notes
    -----
    scikit-learn compares float32 descriptors with float64 thresholds. Rounding the thresholds down to float32 does not
    change the result of any comparison.
    """
    classes = model.classes_.astype(int)
    trees = []
    for estimator in model.estimators_:
        feature, threshold, child, is_leaf = flatten_tree(estimator.tree_)
        shares = estimator.tree_.value[is_leaf, 0]
        vectors = np.zeros((len(shares), n_classes))
        vectors[:, classes] = shares / shares.sum(1, keepdims=True) / len(model.estimators_)
        trees.append((feature, threshold, child, vectors))
    return join(trees, np.zeros(n_classes), softmax=False)


def flatten_tree(tree) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Feature, threshold and child of a scikit-learn tree, and which of its nodes are leaves."""
    is_leaf = tree.children_left < 0
    number = np.where(is_leaf, ~(is_leaf.cumsum() - 1), (~is_leaf).cumsum() - 1)
    inner = ~is_leaf
    left, right = number[tree.children_left[inner]], number[tree.children_right[inner]]
    return *lay_out(tree.feature[inner], _round_down(tree.threshold[inner]), left, right), is_leaf


def _round_down(values: np.ndarray) -> np.ndarray:
    """Round float64 values down to float32."""
    rounded = values.astype(np.float32)
    return np.where(rounded > values, np.nextafter(rounded, np.float32(-np.inf)), rounded)
