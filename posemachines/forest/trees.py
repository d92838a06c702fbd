"""A forest as plain arrays, and beliefs from walking it on packed feature maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import _kernels

__all__ = ["Forest", "flatten"]


@dataclass(frozen=True)
class Forest:
    """Trees over descriptors, with a vector over the classes in each leaf.

    A node sends a cell left where ``descriptor[feature] <= threshold`` and right otherwise. Children and roots at or
    above 0 are nodes; below 0 they are leaves, ``~child`` being the row in `leaves`.

    Attributes
    ----------
    feature : int32 ndarray of shape (nodes,)
    threshold : float32 ndarray of shape (nodes,)
    left, right : int32 ndarrays of shape (nodes,)
    roots : int32 ndarray of shape (trees,)
    leaves : float32 ndarray of shape (leaves, C)
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    roots: np.ndarray
    leaves: np.ndarray

    @property
    def n_nodes(self) -> int:
        """Inner nodes and leaves of all trees."""
        return len(self.feature) + len(self.leaves)

    def beliefs(self, maps, base, pitch, shape: tuple[int, int]) -> np.ndarray:
        """Mean leaf vector of every cell.

        Parameters
        ----------
        maps : float32 ndarray of shape (N, L)
            From :func:`.taps.pack`.
        base, pitch : int32 ndarrays of shape (F,)
            From :func:`.taps.locate`.
        shape : (h, w)

        Returns
        -------
        ndarray of shape (N, C, h, w), float32
        """
        nodes = np.stack([base[self.feature], pitch[self.feature], self.left, self.right], 1).astype(np.int32)
        return _kernels.walk(maps, nodes, self.threshold, self.roots, self.leaves, *shape)


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
        Whose mean leaf vectors equal ``model.predict_proba`` of the same descriptors.

    Notes
    -----
    scikit-learn compares float32 descriptors with float64 thresholds. The thresholds are rounded down to float32,
    which leaves every such comparison as it was.
    """
    feature, threshold, left, right, roots, leaves = [], [], [], [], [], []
    first_node = first_leaf = 0
    for estimator in model.estimators_:
        tree = estimator.tree_
        is_leaf = tree.children_left < 0
        number = np.where(is_leaf, ~(first_leaf + is_leaf.cumsum() - 1), first_node + (~is_leaf).cumsum() - 1)
        inner = ~is_leaf
        feature.append(tree.feature[inner])
        threshold.append(_round_down(tree.threshold[inner]))
        left.append(number[tree.children_left[inner]])
        right.append(number[tree.children_right[inner]])
        roots.append(number[0])
        vectors = np.zeros((is_leaf.sum(), n_classes), np.float32)
        vectors[:, model.classes_.astype(int)] = _shares(tree.value[is_leaf, 0])
        leaves.append(vectors)
        first_node += inner.sum()
        first_leaf += is_leaf.sum()
    return Forest(
        np.concatenate(feature).astype(np.int32),
        np.concatenate(threshold),
        np.concatenate(left).astype(np.int32),
        np.concatenate(right).astype(np.int32),
        np.array(roots, np.int32),
        np.concatenate(leaves),
    )


def _shares(values: np.ndarray) -> np.ndarray:
    return values / values.sum(1, keepdims=True)


def _round_down(values: np.ndarray) -> np.ndarray:
    """The largest float32 not above each float64."""
    rounded = values.astype(np.float32)
    return np.where(rounded > values, np.nextafter(rounded, np.float32(-np.inf)), rounded)
