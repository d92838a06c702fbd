"""Forests as arrays in files, and back."""

from __future__ import annotations

import numpy as np

from .trees import LEAF, Forest

__all__ = ["check_forest", "pack_forest", "unpack_forest"]

_ARRAYS = ("feature", "threshold", "child", "roots", "leaves", "prior")


def pack_forest(forest: Forest) -> dict[str, np.ndarray]:
    """Arrays of a forest, in the smallest types that hold them; leaf vectors in half precision."""
    arrays = {name: getattr(forest, name) for name in _ARRAYS}
    codes = forest.threshold.astype(np.uint8)
    arrays["threshold"] = codes if (codes == forest.threshold).all() else forest.threshold
    if forest.feature.max(initial=0) < 2**15:
        arrays["feature"] = forest.feature.astype(np.int16)
    return arrays | {"leaves": forest.leaves.astype(np.float16), "softmax": np.array(forest.softmax)}


def unpack_forest(state: dict[str, np.ndarray], level: int) -> Forest:
    """The forest of a level, from the arrays of :func:`pack_forest`."""
    types = {"feature": np.int32, "threshold": np.float32, "child": np.int32, "roots": np.int32}
    arrays = {name: state[f"{name}_{level}"].astype(types.get(name, np.float32)) for name in _ARRAYS}
    return Forest(**arrays, softmax=bool(state[f"softmax_{level}"]))


def check_forest(forest: Forest, n_classes: int, n_features: int) -> None:
    """ValueError where walking the trees would read outside of an array or never end."""
    feature, child, n_nodes = forest.feature, forest.child, len(forest.feature)
    inner = feature >= 0
    where = np.arange(n_nodes)
    sound = (
        forest.threshold.shape == child.shape == feature.shape == (n_nodes,)
        and forest.leaves.ndim == 2
        and forest.leaves.shape[1] == n_classes
        and forest.prior.shape == (n_classes,)
        and forest.roots.ndim == 1
        and bool(((forest.roots >= 0) & (forest.roots < n_nodes)).all())
        and bool(((feature >= LEAF) & (feature < n_features)).all())
        and bool(((child[inner] > where[inner]) & (child[inner] < n_nodes - 1)).all())
        and bool(((child[~inner] >= 0) & (child[~inner] < len(forest.leaves))).all())
        and bool(np.isfinite(forest.leaves).all() and np.isfinite(forest.prior).all())
    )
    if not sound:
        raise ValueError("the arrays of a forest do not fit together: the file is damaged")
