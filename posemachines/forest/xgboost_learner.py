"""The boosted forest by xgboost: on one machine, or on the workers of a Dask cluster."""

from __future__ import annotations

import json
from functools import partial
from importlib import import_module
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets

from .._utils.progress import progress
from .boosting import _LONGEST, _RAREST, BoostedForestClassifier
from .growing import count_features
from .trees import Forest, join, lay_out

__all__ = ["convert", "fit_boosted", "fit_dask"]

_DOUBLED = 2.0  # xgboost's softprob takes the second derivative twice, which halves a step


def fit_boosted(
    settings: BoostedForestClassifier, X: np.ndarray, classes: np.ndarray, weights: np.ndarray, prior: np.ndarray
) -> tuple[Forest, np.ndarray]:
    """Train all rounds with xgboost.

    Parameters
    ----------
    settings : BoostedForestClassifier
        Whose parameters are followed as said under *Notes*.
    X : ndarray of shape (n, F)
        float32 or uint8, finite.
    classes : int ndarray of shape (n,)
        In 0 .. C - 1.
    weights : ndarray of shape (n,)
        Not negative, of mean 1.
    prior : float32 ndarray of shape (C,)
        Scores before the first round.

    Returns
    -------
    forest : Forest
        With the scores of xgboost.
    train_loss : ndarray of shape (rounds,)
        Mean log loss of the samples, weighted, before each round.

    Raises
    ------
    ImportError
        If xgboost is not installed.
    ValueError
        If `prior` has fewer than two classes.

    Notes
    -----
    xgboost's trees have leaf vectors, too (``multi_strategy="multi_output_tree"``). It takes the second derivative
    twice, so that `learning_rate` and `l2` are doubled for it and the cut of a step is halved; the steps then equal
    those of the other learners. Three things differ. Thresholds lie on up to 256 quantiles. Each sample is drawn by
    itself, with a chance of `max_samples`. And xgboost bounds no leaf of vectors from below: `min_samples_leaf` becomes
    the second derivative of as many undecided samples, short of which a leaf leaves the score of a class as it is; so a
    leaf of fewer samples changes nothing.

    References
    ----------
    .. [1] Chen and Guestrin, "XGBoost: A Scalable Tree Boosting System", KDD 2016.
    """
    (xgboost,) = _require("xgboost")
    threads = joblib.effective_n_jobs(settings.n_jobs)
    parameters = _parameters(settings, X.shape, prior) | {"nthread": threads}
    data = xgboost.QuantileDMatrix(X, classes, weight=weights, nthread=threads)
    history: dict[str, Any] = {}
    with progress(range(settings.n_rounds), "boosting", shown=settings.verbose, passing=True) as bar:
        booster = xgboost.train(
            parameters,
            data,
            settings.n_rounds,
            evals=[(data, "train")],
            evals_result=history,
            verbose_eval=False,
            callbacks=[_moves(xgboost, bar)],
        )
    return convert(booster), _losses(history, np.bincount(classes, weights, len(prior)), prior)


def fit_dask(client, X, y, *, settings: BoostedForestClassifier, sample_weight=None) -> BoostedForestClassifier:
    """Train on the workers of a Dask cluster, for data that outgrow one machine.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster, whose workers each use their own number of threads.
    X : dask.array.Array of shape (n, F)
        uint8, or anything else as float32; finite. Kept in the memory of the workers, a row of chunks on one of them.
    y : dask.array.Array of shape (n,)
        Classes, as in :meth:`.BoostedForestClassifier.fit`.
    settings : BoostedForestClassifier
        Whose parameters are followed as by :func:`fit_boosted`, save `n_jobs`, `learner` and `verbose`. Not changed.
    sample_weight : dask.array.Array of shape (n,), optional
        Not negative.

    Returns
    -------
    BoostedForestClassifier
        Fitted; it predicts without xgboost or Dask.

    Raises
    ------
    ValueError
        If a parameter is out of range, or `X`, `y` or `sample_weight` are malformed.
    ImportError
        If xgboost or Dask is not installed.

    Notes
    -----
    The quantiles and what is drawn depend on how the samples lie on the workers, and so does the forest.
    """
    da, xgboost = _require("dask.array", "xgboost.dask")
    model = clone(settings).set_params(learner="xgboost")
    model._check_parameters()
    X, y, weights = client.persist(_aligned(da, X, y, sample_weight))
    checks = da.unique(y), da.isfinite(X).all(), weights.min(), weights.mean()
    model.classes_, finite, lightest, mean = client.gather(client.compute(checks))
    check_classification_targets(model.classes_)
    if not finite:
        raise ValueError("X holds NaN or infinity; leave those samples out or fill them in")
    if not 0 <= lightest <= mean < np.inf or mean == 0:
        raise ValueError(f"sample_weight must be finite, not negative and somewhere positive; its mean is {mean}")
    classes = y.map_blocks(partial(np.searchsorted, model.classes_), dtype=np.int64)
    weights = weights / mean
    n_classes = len(model.classes_)
    totals = client.compute(da.bincount(classes, weights, minlength=n_classes)).result()
    prior = np.log(np.maximum(totals / totals.sum(), _RAREST)).astype(np.float32)
    parameters = _parameters(model, X.shape, prior)
    data = xgboost.DaskQuantileDMatrix(client, X, classes, weight=weights)
    fitted = xgboost.train(client, parameters, data, model.n_rounds, evals=[(data, "train")], verbose_eval=False)
    model.n_features_in_ = X.shape[1]
    model.forest_ = convert(fitted["booster"])
    model.train_loss_ = _losses(fitted["history"], totals, prior)
    return model


def convert(booster) -> Forest:
    """The :class:`Forest` of a booster that was trained with leaf vectors.

    Parameters
    ----------
    booster : xgboost.Booster
        Of numerical features and trees with a leaf vector, as xgboost 3.2 and later save them.

    Returns
    -------
    Forest
        Whose `scores` equal the booster's margins where no feature is missing.

    Notes
    -----
    xgboost sends to the left what is less than a threshold, :class:`Forest` also what equals it. The thresholds are
    therefore the next smaller float32.
    """
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    prior = np.array(json.loads(learner["learner_model_param"]["base_score"]), np.float32)
    trees = learner["gradient_booster"]["model"]["trees"]
    return join((_convert_tree(tree, len(prior)) for tree in trees), prior, softmax=True)


def _convert_tree(tree: dict[str, Any], n_classes: int):
    """Feature, threshold, child and leaf vectors of one tree; its leaves name their vectors as right children."""
    left, right, feature = (np.array(tree[name]) for name in ("left_children", "right_children", "split_indices"))
    inner = left >= 0
    number = np.where(inner, inner.cumsum() - 1, ~right)
    below = np.nextafter(np.array(tree["split_conditions"], np.float32), np.float32(-np.inf))
    vectors = np.array(tree["leaf_weights"], np.float32).reshape(-1, n_classes)
    return *lay_out(feature[inner], below[inner], number[left[inner]], number[right[inner]]), vectors


def _parameters(settings: BoostedForestClassifier, shape: tuple[int, int], prior: np.ndarray) -> dict[str, Any]:
    if len(prior) < 2:
        raise ValueError("y holds a single class and xgboost needs two; choose another learner")
    n_samples, n_features = shape
    tried = count_features(settings.max_features, n_features)
    stump = settings.max_depth == 0  # a tree of one leaf, where a depth of 0 is none to xgboost
    return {
        "objective": "multi:softprob",
        "num_class": len(prior),
        "base_score": prior.tolist(),
        "tree_method": "hist",
        "multi_strategy": "multi_output_tree",
        "num_parallel_tree": settings.n_trees,
        "learning_rate": _DOUBLED * settings.learning_rate,
        "reg_lambda": _DOUBLED * settings.l2,
        "max_delta_step": _LONGEST / _DOUBLED,
        "min_child_weight": _DOUBLED * settings.min_samples_leaf / 4,  # an undecided sample has a share of 1/2
        "max_depth": settings.max_depth or 0,
        "max_leaves": int(stump),
        "subsample": max(settings.max_samples, 1 / n_samples),
        "colsample_bynode": min((tried + 0.5) / n_features, 1.0),  # xgboost rounds down
        "seed": int(check_random_state(settings.random_state).randint(0, 2**31 - 1)),
    }


def _losses(history: dict[str, Any], totals: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Mean log loss before each round, from that after each and the weights (C,) of the classes."""
    first = np.logaddexp.reduce(prior) - np.average(prior, weights=totals)
    return np.array([first, *history["train"]["mlogloss"][:-1]], float)


def _aligned(da, X, y, sample_weight):
    """X (n, F), y (n,) and weights (n,) in the same chunks of rows, checked as far as that needs no computation."""
    X, y = (a.compute_chunk_sizes() if np.isnan(a.size) else a for a in (da.asarray(X), da.asarray(y)))
    weights = (
        da.ones(len(y), dtype=np.float32) if sample_weight is None else da.asarray(sample_weight, dtype=np.float32)
    )
    if np.isnan(weights.size):
        weights = weights.compute_chunk_sizes()
    if X.ndim != 2 or not X.size or y.shape != X.shape[:1] or weights.shape != y.shape:
        shapes = f"{X.shape}, {y.shape} and {weights.shape}"
        raise ValueError(f"X, y and sample_weight have shapes {shapes}; expected (n, F), (n,) and (n,), none empty")
    if X.dtype != np.uint8:
        X = X.astype(np.float32)
    X = X.rechunk({1: -1})
    return X, y.rechunk(X.chunks[:1]), weights.rechunk(X.chunks[:1])


def _moves(xgboost, bar):
    """A callback of xgboost that moves a progress bar."""

    def after_iteration(self, model, epoch, evals_log) -> bool:
        bar.update()
        bar.set_postfix_str(f"log loss {evals_log['train']['mlogloss'][-1]:.3f}")
        return False

    return type("Moves", (xgboost.callback.TrainingCallback,), {"after_iteration": after_iteration})()


def _require(*names: str) -> list[Any]:
    """Optional modules, or an error that says how to install them."""
    try:
        return [import_module(name) for name in names]
    except ImportError as error:
        raise ImportError(f"{error}; the xgboost learner is an extra: pip install posemachines[xgboost]") from error
