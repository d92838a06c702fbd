"""A forest as plain arrays, and beliefs from walking it on packed code maps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ._kernels import walking
from ._kernels.lanes import LANES
from ._kernels.step import pack_nodes

__all__ = ["Forest", "flatten", "flatten_tree", "join", "lay_out", "start_scores"]

LEAF = -1  # stands for the feature of a leaf
FLOOR = 1e-3  # beliefs below are as good as none


@dataclass(frozen=True)
class Forest:
    """Trees over descriptors, with a vector over the classes in each leaf.

    The score of a cell is `prior` plus the vector of the leaf that it reaches in every tree. Nodes are laid out breadth
    first, tree after tree; a node sends a cell to ``child`` where ``descriptor[feature] <= threshold`` and to
    ``child + 1`` otherwise. Where ``feature`` is -1 the node is a leaf and ``child`` the row of its vector.

    Attributes
    ----------
    feature : int32 ndarray of shape (nodes,)
    threshold : float32 ndarray of shape (nodes,)
    child : int32 ndarray of shape (nodes,)
    roots : int32 ndarray of shape (trees,)
    leaves : float32 ndarray of shape (leaves, C)
    prior : float32 ndarray of shape (C,)
    softmax : bool
        Whether scores are logarithms of odds, of which the softmax is taken, or shares.
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
        """Inner nodes and leaves of all trees."""
        return len(self.feature)

    def scores(self, descriptors: np.ndarray) -> np.ndarray:
        """Sum of the leaf vectors (n, C) of descriptors (n, F), of any type of number; no softmax."""
        return walking.descend(
            descriptors, self.feature, self.threshold, self.child, self.roots, self.leaves, self.prior
        )

    def bases(self, base: np.ndarray) -> np.ndarray:
        """The nodes for a walk on packed maps, int64 (nodes,), from where each tap lies in these (F,)."""
        return pack_nodes(np.where(self.feature < 0, LEAF, base[self.feature]), self.threshold, self.child)

    @cached_property
    def depths(self) -> np.ndarray:
        """Longest way of each tree from its root to a leaf, in steps: int64 (trees,)."""
        depths, tree, at = np.zeros(len(self.roots), np.int64), np.arange(len(self.roots)), self.roots
        while (inner := self.feature[at] >= 0).any():
            depths[tree[inner]] += 1
            left, tree = self.child[at[inner]], np.tile(tree[inner], 2)
            at = np.concatenate([left, left + 1])
        return depths

    def node_visits(self, maps: np.ndarray, base: np.ndarray, shape: tuple[int, int], pitch: int) -> int:
        """Comparisons on the ways to the leaves of all trees, in every cell of some people together.

        Parameters
        ----------
        maps, shape, pitch
            As in :meth:`beliefs`.
        base : int64 ndarray of shape (F,)
            Where each tap lies in the maps.

        Returns
        -------
        int

        Notes
        -----
        The walk itself may do more: it takes every cell of a strip as many steps down as the tree is deep.
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
        """Leaf vectors, with zeros up to a multiple of the numbers that are added at once."""
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
        """Beliefs in every cell of some people, without writing a descriptor.

        Parameters
        ----------
        maps : uint8 ndarray of shape (N, L)
            From :func:`.taps.pack`.
        bases : int64 ndarray of shape (nodes,)
            From :meth:`bases`.
        shape : (h, w)
        pitch : int
            Places from one row of cells to the next.
        previous : float32 ndarray of shape (N, C, h, w), optional
            Beliefs from which the scores start, of a forest that was trained so.

        Returns
        -------
        ndarray of shape (N, C, h, w), float32
        """
        grid = (*shape, pitch, self.softmax and previous is None)
        scores = walking.walk(maps, bases, self.roots, self.depths, self._wide_leaves, self.prior, grid)
        return scores if previous is None else walking.refine(scores, previous, np.float32(FLOOR))


def start_scores(beliefs: np.ndarray) -> np.ndarray:
    """Logarithms of beliefs (n, C), the scores from which a later stage's boosting starts."""
    return np.log(np.maximum(beliefs, FLOOR)).astype(np.float32)


def lay_out(feature, threshold, left, right) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One tree, breadth first: feature, threshold and child as in :class:`Forest`.

    Parameters
    ----------
    feature, threshold, left, right : ndarray of shape (nodes,)
        Inner nodes, the first being the root. Children below 0 are leaves, ``~child`` being the row of their vector. A
        tree without inner nodes is the leaf 0.

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
    """One forest of trees (feature, threshold, child, leaf vectors) that count their nodes and leaves from 0."""
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
    """The :class:`Forest` of a fitted scikit-learn forest classifier.

    Parameters
    ----------
    model : RandomForestClassifier or ExtraTreesClassifier
        Fitted on classes in 0 .. `n_classes` - 1.
    n_classes : int
        Length of the leaf vectors; classes that the model has not seen get 0.

    Returns
    -------
    Forest
        Whose scores equal ``model.predict_proba`` of the same descriptors.

    Notes
    -----
    scikit-learn compares float32 descriptors with float64 thresholds. The thresholds are rounded down to float32,
    which leaves every such comparison as it was.
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
    """Feature, threshold and child of a scikit-learn tree, and which of its own nodes are leaves, in their order."""
    is_leaf = tree.children_left < 0
    number = np.where(is_leaf, ~(is_leaf.cumsum() - 1), (~is_leaf).cumsum() - 1)
    inner = ~is_leaf
    left, right = number[tree.children_left[inner]], number[tree.children_right[inner]]
    return *lay_out(tree.feature[inner], _round_down(tree.threshold[inner]), left, right), is_leaf


def _round_down(values: np.ndarray) -> np.ndarray:
    """The largest float32 not above each float64."""
    rounded = values.astype(np.float32)
    return np.where(rounded > values, np.nextafter(rounded, np.float32(-np.inf)), rounded)
