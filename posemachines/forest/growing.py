"""Trees grown on binned features: the histogram learner of the boosted forest, and the plain random forest."""

from __future__ import annotations

import joblib
import numpy as np

from .._utils.progress import progress
from ._kernels import growing
from ._kernels.lanes import LANES
from .features import N_CODES
from .trees import Forest, join, lay_out

__all__ = ["count_features", "cut", "grow_forest", "grow_tree"]

_DEEPEST = 64
_N_SAMPLE = 4000  # descriptors from which the bin edges are computed


def cut(descriptors: np.ndarray, random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray | None]:
    """Bin descriptors (n, F) to codes (F, n); also return the upper edges (F, 63) of all codes but the last.

    uint8 descriptors up to 63 are used as codes, and the edges are None. All others are binned into 64 codes of equal
    frequency in a random sample of the descriptors.
    """
    if descriptors.dtype == np.uint8 and descriptors.max(initial=0) < N_CODES:
        return np.ascontiguousarray(descriptors.T), None
    rows = np.sort(random.choice(len(descriptors), min(_N_SAMPLE, len(descriptors)), replace=False))
    ordered = np.sort(descriptors[rows].astype(np.float32), axis=0)
    edges = np.ascontiguousarray(ordered[np.arange(1, N_CODES) * len(rows) // N_CODES].T)
    codes = np.empty(descriptors.shape[::-1], np.uint8)
    for f in range(len(codes)):
        codes[f] = np.searchsorted(edges[f], descriptors[:, f].astype(np.float32))
    return codes, edges


def count_features(max_features: float | int | str | None, n: int) -> int:
    """Number of features to try per split, as in scikit-learn."""
    if max_features is None:
        return n
    if isinstance(max_features, str):
        named = {"sqrt": np.sqrt, "log2": np.log2}
        if max_features not in named:
            raise ValueError(f"max_features must be a number, None, 'sqrt' or 'log2'; got {max_features!r}")
        return max(int(named[max_features](n)), 1)
    if isinstance(max_features, int | np.integer) and max_features > 0:
        return min(int(max_features), n)
    wanted = max_features * n
    if not 0 < wanted <= n:
        raise ValueError(f"max_features must be a fraction in (0, 1] or a positive integer; got {max_features}")
    return max(int(wanted), 1)


def lanes(targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted targets and, last, the weights: (n, L), where L is a multiple of the lanes that are added at once."""
    n_lanes = -(-(targets.shape[1] + 1) // LANES) * LANES
    values = np.zeros((len(targets), n_lanes), np.float32)
    np.multiply(targets, weights[:, None], out=values[:, : targets.shape[1]])
    values[:, -1] = weights
    return values


def grow_tree(
    codes, edges, rows, values, seed: int, *, max_features, min_samples_leaf, max_depth, penalty=0.0,
    share_features=False,
):  # fmt: skip
    """Grow one tree, in the layout of :class:`.trees.Forest`.

    Parameters
    ----------
    codes : uint8 ndarray of shape (F, n)
    edges : float32 ndarray of shape (F, 63) or None
        From :func:`cut`.
    rows : int32 ndarray of shape (m,)
        Cells on which the tree is grown, ascending.
    values : float32 ndarray of shape (n, L)
        From :func:`lanes`.
    seed : int
    max_features, min_samples_leaf, max_depth
        As in :class:`sklearn.ensemble.RandomForestClassifier`.
    penalty : float, default=0.0
        Weight that is added to each side when splits are compared.
    share_features : bool, default=False
        All splits of the tree try the same features, which is faster, instead of each its own.

    Returns
    -------
    feature, threshold, child : ndarray of shape (nodes,)
    sums : float32 ndarray of shape (leaves, L)
    """
    depth = _DEEPEST if max_depth is None else min(max_depth, _DEEPEST)
    n_tried = count_features(max_features, len(codes))
    limits = float(n_tried), float(min_samples_leaf), float(depth), float(penalty), float(share_features)
    start = np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64 | 1)
    nodes, sums = growing.grow(codes, rows.copy(), values[rows], limits, N_CODES, start)
    feature, code, left, right = nodes.T
    threshold = code if edges is None else edges[feature, code]
    return *lay_out(feature, threshold, left, right), sums


def grow_forest(
    descriptors: np.ndarray,
    shares: np.ndarray,
    weights: np.ndarray,
    *,
    n_trees: int = 20,
    max_depth: int | None = 20,
    min_samples_leaf: int = 8,
    max_features: float | int | str | None = 0.1,
    max_samples: float = 0.632,
    n_jobs: int | None = None,
    random: np.random.RandomState,
    verbose: bool = False,
) -> Forest:
    """Grow a plain random forest, whose leaves are shares of the classes.

    Parameters
    ----------
    descriptors : ndarray of shape (n, F)
        float32, or uint8 codes up to 63.
    shares : float32 ndarray of shape (n, C)
        Share of each cell that belongs to each class; rows sum to 1.
    weights : ndarray of shape (n,)
        Positive.
    n_trees, max_depth, min_samples_leaf, max_features, n_jobs
        As in :class:`sklearn.ensemble.RandomForestClassifier`.
    max_samples : float, default=0.632
        Fraction of the cells on which each tree is grown, drawn without replacement.
    random : numpy.random.RandomState
    verbose : bool, default=False
        Show a progress bar over the trees.

    Returns
    -------
    Forest

    Notes
    -----
    Each feature is binned into 64 codes, and splits are between codes.
    """
    codes, edges = cut(descriptors, random)
    n_classes = shares.shape[1]
    values = lanes(shares, (weights / weights.mean()).astype(np.float32))
    settings = {"max_features": max_features, "min_samples_leaf": min_samples_leaf, "max_depth": max_depth}
    n_seen = max(round(max_samples * len(shares)), 1)

    def grow(seed: int):
        rows = np.random.RandomState(seed).choice(len(shares), n_seen, replace=False)
        *nodes, sums = grow_tree(codes, edges, np.sort(rows).astype(np.int32), values, seed, **settings)
        return *nodes, sums[:, :n_classes] / sums[:, -1:] / n_trees

    seeds = random.randint(0, 2**31 - 1, n_trees).tolist()
    tasks = (joblib.delayed(grow)(seed) for seed in seeds)
    grown = joblib.Parallel(n_jobs, prefer="threads", return_as="generator")(tasks)
    bar = progress(grown, "trees", shown=verbose, total=n_trees, passing=True)
    return join(list(bar), np.zeros(n_classes), softmax=False)
