"""The boosted random forest: each round of boosting fits a forest with vector-valued leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import joblib
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from .._utils.progress import progress
from ._kernels import walking
from .boosting_parameters import LONGEST_STEP, check_boosting_parameters
from .growing import cut, grow_tree, lanes
from .shares import check_shares, complete_shares, draw_classes, initial_scores
from .trees import Forest, flatten_tree, join

__all__ = ["BoostedForestClassifier"]


class BoostedForestClassifier(ClassifierMixin, BaseEstimator):
    """Boosted random forest: multi-class gradient boosting in which each round fits a random forest.

    Each round computes the gradient of the log loss, fits `n_trees` trees to it, and adds the mean of their Newton
    steps to the scores. Each tree is fitted to a random subset of the samples, tries a random subset of the features at
    each split, and has a vector over all classes in each leaf.

    Parameters
    ----------
    n_rounds : int, default=50
        Number of boosting rounds.
    n_trees : int, default=2
        Trees per round; with 1, this is plain gradient boosting.
    learning_rate : float, default=0.4
        Factor of the step of each round.
    max_depth : int or None, default=6
        Maximum depth of the trees; None means unlimited.
    min_samples_leaf : int, default=20
        Minimum number of samples per leaf, counting those on which the tree is fitted.
    max_features : float, int, str or None, default=0.1
        Features that a tree may use, counted as in scikit-learn: a float is a fraction. Training time is proportional
        to it. With ``learner="scikit-learn"``, every split tries so many of its own.
    max_samples : float, default=0.5
        Fraction of the samples on which each tree is fitted, drawn without replacement.
    l2 : float, default=5.0
        L2 regularisation: added to the second derivative in each leaf, in units of a sample of mean weight.
    learner : {"histogram", "scikit-learn", "xgboost"}, default="histogram"
        How trees are grown: by this library, on features binned into 64 codes; by scikit-learn, as multi-output
        regression trees with exact thresholds; or by xgboost (``pip install posemachines[xgboost]``), which can also
        train on a cluster, see :func:`.xgboost_learner.fit_dask`.
    n_jobs : int, optional
        Number of threads: 1 by default, all cores for -1. At most `n_trees` are used.
    random_state : int or RandomState, optional
    verbose : bool, default=False
        Show a progress bar over the rounds.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        Class labels.
    forest_ : Forest
        All trees.
    n_features_in_ : int
        Number of features.
    train_loss_ : ndarray of shape (rounds,)
        Weighted mean log loss of the training samples before each round.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 5))
    >>> y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    >>> model = BoostedForestClassifier(n_rounds=10, max_features=1.0, random_state=0).fit(X, y)
    >>> model.predict_proba(X).shape
    (200, 3)

    Notes
    -----
    The 2014 paper does not specify the boosting algorithm. This is Friedman's gradient boosting for K classes, with one
    tree per step instead of K. Newton steps use the diagonal of the Hessian and are clipped to 4. The histogram learner
    uses uint8 features up to 63 as codes without changing them, and bins all others into 64 codes of equal frequency.

    References
    ----------
    .. [1] Ramakrishna, Munoz, Hebert, Bagnell and Sheikh, "Pose Machines: Articulated Pose Estimation via Inference
       Machines", ECCV 2014.
    .. [2] Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29, 2001.
    """

    def __init__(
        self,
        n_rounds: int = 50,
        n_trees: int = 2,
        *,
        learning_rate: float = 0.4,
        max_depth: int | None = 6,
        min_samples_leaf: int = 20,
        max_features: float | int | str | None = 0.1,
        max_samples: float = 0.5,
        l2: float = 5.0,
        learner: str = "histogram",
        n_jobs: int | None = None,
        random_state=None,
        verbose: bool = False,
    ) -> None:
        self.n_rounds = n_rounds
        self.n_trees = n_trees
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.max_samples = max_samples
        self.l2 = l2
        self.learner = learner
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None, base_scores=None) -> BoostedForestClassifier:
        """Fit the forest.

        Parameters
        ----------
        X : ndarray of shape (n, F)
            float32, or uint8 codes; codes in Fortran order are not copied.
        y : ndarray of shape (n,)
            Class labels, as in any scikit-learn classifier.
        sample_weight : ndarray of shape (n,), optional
            Non-negative.
        base_scores : ndarray of shape (n, C), optional
            Initial scores, one column per class in ascending order; by default, the logarithms of the class
            frequencies. If given here, they must also be given when predicting.

        Returns
        -------
        BoostedForestClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a parameter is out of range, or X or y is malformed.
        ImportError
            If `learner` is "xgboost" and xgboost is not installed.
        """
        self._check_parameters()
        X, y = validate_data(self, X, y, dtype=[np.float32, np.uint8])
        check_classification_targets(y)
        self.classes_, classes = np.unique(y, return_inverse=True)
        if self.learner == "xgboost":
            self._fit_with_xgboost(X, classes, self._checked_weights(sample_weight, X), base_scores)
            return self
        return self._fit_shares(X, np.eye(len(self.classes_), dtype=np.float32)[classes], sample_weight, base_scores)

    def fit_shares(self, X, shares, sample_weight=None, base_scores=None, *, unknown=None) -> BoostedForestClassifier:
        """Fit the forest to samples that belong to several classes in part.

        Parameters
        ----------
        X : ndarray of shape (n, F)
            As in :meth:`fit`.
        shares : ndarray of shape (n, C)
            Share of each sample that belongs to each class; rows sum to 1. The classes are 0 .. C - 1.
        sample_weight, base_scores
            As in :meth:`fit`.
        unknown : bool ndarray of shape (n, C), optional
            Classes whose share of a sample is not known: only the sum of the shares of these classes is taken from
            `shares`.

        Returns
        -------
        BoostedForestClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a parameter is out of range, or an array is malformed.

        Notes
        -----
        xgboost takes whole samples only: each is assigned to one class, drawn with its shares as probabilities, and
        `unknown` is disregarded.
        """
        self._check_parameters()
        X = validate_data(self, X, dtype=[np.float32, np.uint8])
        shares, unknown = check_shares(shares, unknown, len(X))
        self.classes_ = np.arange(shares.shape[1])
        if self.learner != "xgboost":
            return self._fit_shares(X, shares, sample_weight, base_scores, unknown)
        weights = self._checked_weights(sample_weight, X)
        classes = draw_classes(shares, check_random_state(self.random_state))
        self._fit_with_xgboost(X, classes, weights, base_scores)
        return self

    def _fit_shares(self, X, shares, sample_weight, base_scores, unknown=None) -> BoostedForestClassifier:
        weights = self._checked_weights(sample_weight, X)
        prior = initial_scores(weights.astype(np.float64) @ shares)
        if base_scores is not None:
            base_scores, prior = self._checked_base(base_scores, len(X)), np.zeros_like(prior)
        self.forest_ = self._boost(X, shares, weights, prior, base_scores, unknown)
        return self

    def _fit_with_xgboost(self, X, classes, weights, base_scores) -> None:
        from .xgboost_learner import fit_boosted

        if base_scores is not None:
            raise ValueError("learner='xgboost' does not support base_scores; choose another learner")
        prior = initial_scores(np.bincount(classes, weights, len(self.classes_)))
        self.forest_, self.train_loss_ = fit_boosted(self, X, classes, weights, prior)

    def _checked_weights(self, sample_weight, X) -> np.ndarray:
        """Weights (n,) with mean 1."""
        weights = _check_sample_weight(sample_weight, X, dtype=np.float32, ensure_non_negative=True)
        if not weights.any():
            raise ValueError("sample_weight is zero everywhere; at least one sample needs a positive weight")
        return weights / weights.mean()

    def _checked_base(self, base_scores, n: int) -> np.ndarray:
        base_scores = np.asarray(base_scores, np.float32)
        if base_scores.shape != (n, len(self.classes_)) or not np.isfinite(base_scores).all():
            raise ValueError(
                f"base_scores must be (n, C) = {(n, len(self.classes_))} and finite, one column per class; "
                f"got shape {base_scores.shape}"
            )
        return base_scores

    def _boost(self, X, targets, weights, prior, base_scores, unknown) -> Forest:
        random = check_random_state(self.random_state)
        grow = self._make_learner(X, random)
        n_seen = max(round(self.max_samples * len(targets)), 1)
        scores = np.repeat(prior[None], len(targets), 0) if base_scores is None else base_scores.copy()
        trees: list[tuple] = []
        losses = []
        with joblib.Parallel(self.n_jobs, prefer="threads") as parallel:
            bar = progress(range(self.n_rounds), "boosting", shown=self.verbose, passing=True)
            for _ in bar:
                shares = _softmax(scores)
                wanted = targets if unknown is None else complete_shares(targets, unknown, shares)
                losses.append(np.average(-(wanted * np.log(np.maximum(shares, 1e-12))).sum(1), weights=weights))
                bar.set_postfix_str(f"log loss {losses[-1]:.3f}")
                gradient = wanted - shares
                hessian = shares * (1 - shares) * weights[:, None]
                values = lanes(gradient, weights)
                seeds = random.randint(0, 2**31 - 1, self.n_trees).tolist()
                tasks = (joblib.delayed(self._one_tree)(grow, values, hessian, n_seen, seed) for seed in seeds)
                for feature, threshold, child, vectors, reached in parallel(tasks):
                    trees.append((feature, threshold, child, vectors))
                    scores += vectors[reached]
        self.train_loss_ = np.array(losses)
        return join(trees, prior, softmax=True)

    def _one_tree(self, grow: Callable, values, hessian, n_seen: int, seed: int):
        """Grow a tree and compute its Newton steps and the leaf of each sample."""
        rows = np.random.RandomState(seed).choice(len(values), n_seen, replace=False)
        rows = np.sort(rows).astype(np.int32)
        feature, threshold, child, reached, n_leaves = grow(rows, values, seed)
        n_classes = hessian.shape[1]
        order = rows[np.argsort(reached[rows], kind="stable")]
        filled, starts = np.unique(reached[order], return_index=True)
        slope = np.zeros((n_leaves, n_classes), np.float32)
        curvature = np.zeros((n_leaves, n_classes), np.float32)
        slope[filled] = np.add.reduceat(values[order, :n_classes], starts, dtype=np.float64)
        curvature[filled] = np.add.reduceat(hessian[order], starts, dtype=np.float64)
        steps = np.divide(slope, curvature + self.l2, out=np.zeros_like(slope), where=curvature + self.l2 > 0)
        vectors = np.clip(steps, -LONGEST_STEP, LONGEST_STEP) * np.float32(self.learning_rate / self.n_trees)
        return feature, threshold, child, vectors, reached

    def _make_learner(self, X, random) -> Callable:
        """Function (rows, values, seed) -> feature, threshold, child, leaf of each sample, number of leaves."""
        settings = {name: getattr(self, name) for name in ("max_features", "min_samples_leaf", "max_depth")}
        if self.learner == "scikit-learn":
            return partial(_grow_with_scikit_learn, np.asarray(X, np.float32), settings)
        codes, edges = cut(X, random)
        return partial(_grow_histogram, codes, edges, settings | {"penalty": self.l2, "share_features": True})

    def decision_function(self, X) -> np.ndarray:
        """Scores (n, C) before the softmax; with two classes, the difference of their scores (n,)."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X, base_scores=None) -> np.ndarray:
        """Probability of each class.

        Parameters
        ----------
        X : ndarray of shape (n, F)
        base_scores : ndarray of shape (n, C), optional
            Initial scores of these samples; required if they were given to `fit`.

        Returns
        -------
        float32 ndarray of shape (n, C)
        """
        scores = self._scores(X)
        return _softmax(scores if base_scores is None else scores + self._checked_base(base_scores, len(scores)))

    def staged_predict_proba(self, X) -> Iterator[np.ndarray]:
        """Probabilities (n, C) after round 1, 2, ..."""
        X = self._checked(X)
        forest = self.forest_
        ends = [*forest.roots[self.n_trees :: self.n_trees].tolist(), forest.n_nodes]
        scores = np.repeat(forest.prior[None], len(X), 0)
        nothing = np.zeros_like(forest.prior)
        for number in range(len(ends)):
            roots = forest.roots[number * self.n_trees : (number + 1) * self.n_trees]
            arrays = forest.feature, forest.threshold, forest.child, roots, forest.leaves, nothing
            scores = scores + walking.descend(X, *arrays)
            yield _softmax(scores)

    def predict(self, X) -> np.ndarray:
        """Most probable class of each sample, (n,)."""
        scores = self._scores(X)  # raises NotFittedError before classes_ is read
        return self.classes_[scores.argmax(1)]

    def _scores(self, X) -> np.ndarray:
        X = self._checked(X)
        return self.forest_.scores(X)

    def _checked(self, X) -> np.ndarray:
        check_is_fitted(self)
        return validate_data(self, X, dtype=[np.float32, np.uint8], reset=False)

    def _check_parameters(self) -> None:
        check_boosting_parameters(self)


def _grow_histogram(codes, edges, settings: dict[str, Any], rows, values, seed: int):
    feature, threshold, child, sums = grow_tree(codes, edges, rows, values, seed, **settings)
    cuts = threshold
    if edges is not None:  # convert thresholds to codes: the number of edges below
        inner = np.flatnonzero(feature >= 0)
        cuts = np.zeros_like(threshold)
        for node in inner:
            cuts[node] = np.searchsorted(edges[feature[node]], threshold[node])
    return feature, threshold, child, walking.find_leaves(codes, feature, cuts, child, 0), len(sums)


def _grow_with_scikit_learn(X, settings: dict[str, Any], rows, values, seed: int):
    tree = DecisionTreeRegressor(random_state=seed, **settings)
    weights = values[rows, -1]
    targets = np.divide(
        values[rows, :-1], weights[:, None], out=np.zeros_like(values[rows, :-1]), where=weights[:, None] > 0
    )
    tree.fit(X[rows], targets[:, targets.any(0)] if targets.any() else targets[:, :1], sample_weight=weights)
    feature, threshold, child, is_leaf = flatten_tree(tree.tree_)
    return feature, threshold, child, (is_leaf.cumsum() - 1)[tree.apply(X)], int(is_leaf.sum())


def _softmax(scores: np.ndarray) -> np.ndarray:
    shares = np.exp(scores - scores.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    return shares
