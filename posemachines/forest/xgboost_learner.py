"""The boosted forest trained by xgboost, on one machine or on a Dask cluster."""

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
from .boosting_parameters import LONGEST_STEP, SMALLEST_SHARE, BoostingParameters, check_boosting_parameters
from .growing import count_features
from .trees import Forest, join, lay_out

__all__ = ["convert", "fit_boosted", "fit_dask"]

_DOUBLED = 2.0  # multi:softprob doubles the second derivative, which halves the steps


def fit_boosted(
    settings: BoostingParameters, X: np.ndarray, classes: np.ndarray, weights: np.ndarray, prior: np.ndarray
) -> tuple[Forest, np.ndarray]:
    """Train all rounds with xgboost.

    Parameters
    ----------
    settings : BoostedForestClassifier
        Parameters; see *Notes* for how they are translated.
    X : ndarray of shape (n, F)
        Finite; float32 or uint8.
    classes : int ndarray of shape (n,)
        In 0 .. C - 1.
    weights : ndarray of shape (n,)
        Non-negative, with mean 1.
    prior : float32 ndarray of shape (C,)
        Initial scores.

    Returns
    -------
    forest : Forest
        Its scores equal those of xgboost.
    train_loss : ndarray of shape (rounds,)
        Weighted mean log loss of the samples before each round.

    Raises
    ------
    ImportError
        If xgboost is not installed.
    ValueError
        If `prior` has fewer than two classes.

    Notes
    -----
    xgboost grows trees with vector leaves too (``multi_strategy="multi_output_tree"``). It doubles the second
    derivative, so `learning_rate` and `l2` are doubled and the limit on the steps is halved; the steps then equal those
    of the other learners. Three differences remain:

    * thresholds are on up to 256 quantiles;
    * each sample is drawn independently, with probability `max_samples`;
    * there is no minimum number of samples for vector leaves. `min_samples_leaf` is translated to the second derivative
      of that many samples with probability 1/2; below it, a leaf does not change the score of a class.

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
            callbacks=[_bar_callback(xgboost, bar)],
        )
    return convert(booster), _losses(history, np.bincount(classes, weights, len(prior)), prior)


def fit_dask(client, X, y, *, settings, sample_weight=None):
    """Train on a Dask cluster, for data that do not fit on one machine.

    Parameters
    ----------
    client : distributed.Client
        Client of the cluster. Each worker uses its own number of threads.
    X : dask.array.Array of shape (n, F)
        Finite; uint8, other types are converted to float32. It is kept in the memory of the workers.
    y : dask.array.Array of shape (n,)
        Class labels, as in :meth:`.BoostedForestClassifier.fit`.
    settings : BoostedForestClassifier
        Parameters, as in :func:`fit_boosted`; `n_jobs`, `learner` and `verbose` are ignored. It is not modified.
    sample_weight : dask.array.Array of shape (n,), optional
        Non-negative.

    Returns
    -------
    BoostedForestClassifier
        A fitted clone of `settings`, which predicts without xgboost and Dask.

    Raises
    ------
    ValueError
        If a parameter is out of range, or `X`, `y` or `sample_weight` are malformed.
    ImportError
        If xgboost or Dask is not installed.

    Notes
    -----
    The quantiles and the samples that are drawn, and thus the forest, depend on how the data are distributed.
    """
    da, xgboost = _require("dask.array", "xgboost.dask")
    model = clone(settings).set_params(learner="xgboost")
    check_boosting_parameters(model)
    X, y, weights = client.persist(_aligned(da, X, y, sample_weight))
    checks = da.unique(y), da.isfinite(X).all(), weights.min(), weights.mean()
    model.classes_, finite, lightest, mean = client.gather(client.compute(checks))
    check_classification_targets(model.classes_)
    if not finite:
        raise ValueError("X contains NaN or infinity; remove those samples or impute the values")
    if not 0 <= lightest <= mean < np.inf or mean == 0:
        raise ValueError(f"sample_weight must be finite and non-negative, with a positive sum; its mean is {mean}")
    classes = y.map_blocks(partial(np.searchsorted, model.classes_), dtype=np.int64)
    weights = weights / mean
    n_classes = len(model.classes_)
    totals = client.compute(da.bincount(classes, weights, minlength=n_classes)).result()
    prior = np.log(np.maximum(totals / totals.sum(), SMALLEST_SHARE)).astype(np.float32)
    parameters = _parameters(model, X.shape, prior)
    data = xgboost.DaskQuantileDMatrix(client, X, classes, weight=weights)
    fitted = xgboost.train(client, parameters, data, model.n_rounds, evals=[(data, "train")], verbose_eval=False)
    model.n_features_in_ = X.shape[1]
    model.forest_ = convert(fitted["booster"])
    model.train_loss_ = _losses(fitted["history"], totals, prior)
    return model


def convert(booster) -> Forest:
    """Convert a booster with vector leaves to a :class:`Forest`.

    Parameters
    ----------
    booster : xgboost.Booster
        With numerical features and vector leaves, as saved by xgboost 3.2 and later.

    Returns
    -------
    Forest
        Its `scores` equal the margins of the booster where no feature is missing.

    Notes
    -----
    In xgboost, values less than the threshold go left; in :class:`Forest`, values equal to it do as well. Therefore
    each threshold is replaced by the next smaller float32.
    """
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    prior = np.array(json.loads(learner["learner_model_param"]["base_score"]), np.float32)
    trees = learner["gradient_booster"]["model"]["trees"]
    return join((_convert_tree(tree, len(prior)) for tree in trees), prior, softmax=True)


def _convert_tree(tree: dict[str, Any], n_classes: int):
    """Feature, threshold, child and leaf vectors of one tree; in a leaf, the right child is the row of its vector."""
    left, right, feature = (np.array(tree[name]) for name in ("left_children", "right_children", "split_indices"))
    inner = left >= 0
    number = np.where(inner, inner.cumsum() - 1, ~right)
    below = np.nextafter(np.array(tree["split_conditions"], np.float32), np.float32(-np.inf))
    vectors = np.array(tree["leaf_weights"], np.float32).reshape(-1, n_classes)
    return *lay_out(feature[inner], below[inner], number[left[inner]], number[right[inner]]), vectors


def _parameters(settings: BoostingParameters, shape: tuple[int, int], prior: np.ndarray) -> dict[str, Any]:
    if len(prior) < 2:
        raise ValueError("y has a single class but xgboost needs two; choose another learner")
    n_samples, n_features = shape
    tried = count_features(settings.max_features, n_features)
    stump = settings.max_depth == 0  # a single leaf; in xgboost, a depth of 0 means unlimited
    return {
        "objective": "multi:softprob",
        "num_class": len(prior),
        "base_score": prior.tolist(),
        "tree_method": "hist",
        "multi_strategy": "multi_output_tree",
        "num_parallel_tree": settings.n_trees,
        "learning_rate": _DOUBLED * settings.learning_rate,
        "reg_lambda": _DOUBLED * settings.l2,
        "max_delta_step": LONGEST_STEP / _DOUBLED,
        "min_child_weight": _DOUBLED * settings.min_samples_leaf / 4,  # p (1 - p) of a sample with probability 1/2
        "max_depth": settings.max_depth or 0,
        "max_leaves": int(stump),
        "subsample": max(settings.max_samples, 1 / n_samples),
        "colsample_bynode": min((tried + 0.5) / n_features, 1.0),  # xgboost rounds down
        "seed": int(check_random_state(settings.random_state).randint(0, 2**31 - 1)),
    }


def _losses(history: dict[str, Any], totals: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Mean log loss before each round, from that after each round and the total weights (C,) of the classes."""
    first = np.logaddexp.reduce(prior) - np.average(prior, weights=totals)
    return np.array([first, *history["train"]["mlogloss"][:-1]], float)


def _aligned(da, X, y, sample_weight):
    """X (n, F), y (n,) and weights (n,) with aligned chunks of rows, after checks that need no computation."""
    X, y = (a.compute_chunk_sizes() if np.isnan(a.size) else a for a in (da.asarray(X), da.asarray(y)))
    weights = (
        da.ones(len(y), dtype=np.float32) if sample_weight is None else da.asarray(sample_weight, dtype=np.float32)
    )
    if np.isnan(weights.size):
        weights = weights.compute_chunk_sizes()
    if X.ndim != 2 or not X.size or y.shape != X.shape[:1] or weights.shape != y.shape:
        shapes = f"{X.shape}, {y.shape} and {weights.shape}"
        raise ValueError(f"X, y and sample_weight have shapes {shapes}; expected (n, F), (n,) and (n,), not empty")
    if X.dtype != np.uint8:
        X = X.astype(np.float32)
    X = X.rechunk({1: -1})
    return X, y.rechunk(X.chunks[:1]), weights.rechunk(X.chunks[:1])


def _bar_callback(xgboost, bar):
    """Callback of xgboost that updates a progress bar."""

    def after_iteration(self, model, epoch, evals_log) -> bool:
        bar.update()
        bar.set_postfix_str(f"log loss {evals_log['train']['mlogloss'][-1]:.3f}")
        return False

    return type("BarCallback", (xgboost.callback.TrainingCallback,), {"after_iteration": after_iteration})()


def _require(*names: str) -> list[Any]:
    """Import optional modules; the error says how to install them."""
    try:
        return [import_module(name) for name in names]
    except ImportError as error:
        raise ImportError(f"{error}; install the xgboost learner with: pip install posemachines[xgboost]") from error
