"""Random forests on binned descriptors: nearly the splits of exact thresholds at a fraction of the time."""

from __future__ import annotations

import joblib
import numpy as np

from ..progress import progress
from . import _growing
from .trees import Forest

__all__ = ["grow_forest"]

N_BINS = 32
_SHARE = 0.632  # of the cells that a tree sees: the share of distinct ones in a bootstrap sample
_DEEPEST = 64
_N_SAMPLE = 4000  # cells from which the bins are cut


def grow_forest(
    descriptors: np.ndarray,
    classes: np.ndarray,
    weights: np.ndarray,
    n_classes: int,
    *,
    n_trees: int = 20,
    max_depth: int | None = 20,
    min_samples_leaf: int = 8,
    max_features: float | int | str | None = 0.15,
    n_jobs: int | None = None,
    random: np.random.RandomState,
    verbose: bool = False,
) -> Forest:
    """Grow a random forest.

    Parameters
    ----------
    descriptors : float32 ndarray of shape (n, F)
    classes : int ndarray of shape (n,)
        In 0 .. `n_classes` - 1.
    weights : ndarray of shape (n,)
        Positive.
    n_classes : int
    n_trees, max_depth, min_samples_leaf, max_features, n_jobs
        As in :class:`sklearn.ensemble.RandomForestClassifier`.
    random : numpy.random.RandomState
    verbose : bool, default=False
        Show a progress bar over the trees.

    Returns
    -------
    Forest

    Notes
    -----
    Every feature is cut into 32 bins of equally many cells, and splits lie between bins. A node of 64 cells or more
    gets the best threshold of each tried feature; a smaller one the best of four that are drawn from its own values.
    Features are tried with replacement. A tree sees 63 % of the cells, drawn without replacement.
    """
    edges = _bin_edges(descriptors, random)
    codes = _growing.encode(descriptors, edges)
    depth = _DEEPEST if max_depth is None else min(max_depth, _DEEPEST)
    limits = _n_features(max_features, len(codes)), min_samples_leaf, depth
    n_seen = max(round(_SHARE * len(classes)), 1)
    weights = (weights / weights.mean()).astype(np.float32)

    def grow(seed: int) -> tuple[np.ndarray, np.ndarray]:
        order = np.random.RandomState(seed).choice(len(classes), n_seen, replace=False)
        order = np.sort(order).astype(np.int32)
        start = np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64 | 1)
        shown = classes[order].astype(np.int16)
        return _growing.grow(codes, order, shown, weights[order], limits, N_BINS, n_classes, start)

    seeds = random.randint(0, 2**31 - 1, n_trees).tolist()
    tasks = (joblib.delayed(grow)(seed) for seed in seeds)
    grown = joblib.Parallel(n_jobs, prefer="threads", return_as="generator")(tasks)
    return _join(list(progress(grown, "trees", shown=verbose, total=n_trees, passing=True)), edges)


def _bin_edges(descriptors: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Upper edges (31, F) of all bins but the last, which are values of the sample."""
    rows = np.sort(random.choice(len(descriptors), min(_N_SAMPLE, len(descriptors)), replace=False))
    ordered = np.sort(descriptors[rows], axis=0)
    return ordered[np.arange(1, N_BINS) * len(rows) // N_BINS]


def _n_features(max_features: float | int | str | None, n: int) -> int:
    """Features to try at a split, counted as scikit-learn does."""
    if max_features is None:
        return n
    if isinstance(max_features, str):
        named = {"sqrt": np.sqrt, "log2": np.log2}
        if max_features not in named:
            raise ValueError(f"max_features must be a number, None, 'sqrt' or 'log2'; got {max_features!r}")
        return max(int(named[max_features](n)), 1)
    wanted = max_features if isinstance(max_features, int | np.integer) else max_features * n
    if not 0 < wanted <= n:
        raise ValueError(f"max_features must be a share in (0, 1] or a number in 1..{n}; got {max_features}")
    return max(int(wanted), 1)


def _join(trees: list[tuple[np.ndarray, np.ndarray]], edges: np.ndarray) -> Forest:
    """One forest of trees that count their nodes and leaves from 0."""
    first_node = first_leaf = 0
    roots, children = [], []
    for nodes, leaves in trees:
        below = nodes[:, 2:]
        children.append(np.where(below < 0, below - first_leaf, below + first_node))
        roots.append(first_node if len(nodes) else ~first_leaf)
        first_node += len(nodes)
        first_leaf += len(leaves)
    feature, code = np.concatenate([nodes[:, :2] for nodes, _ in trees]).T
    left, right = np.concatenate(children).astype(np.int32).T
    return Forest(
        np.ascontiguousarray(feature),
        edges[code, feature],
        np.ascontiguousarray(left),
        np.ascontiguousarray(right),
        np.array(roots, np.int32),
        np.concatenate([leaves for _, leaves in trees]),
    )
