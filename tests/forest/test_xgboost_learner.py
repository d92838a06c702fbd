import sys

import numpy as np
import pytest
from sklearn.base import clone

from posemachines.forest.boosting import BoostedForestClassifier
from posemachines.forest.xgboost_learner import convert, fit_boosted, fit_dask

xgboost = pytest.importorskip("xgboost")


def model(**changes):
    settings = {"n_rounds": 6, "max_features": 0.5, "min_samples_leaf": 5, "l2": 1.0, "random_state": 0}
    return BoostedForestClassifier(**settings | {"learner": "xgboost"} | changes)


def task(n_classes, *, as_codes=False, n=500):
    """Descriptors (n, 7) with many ties; imbalanced classes that depend on two of the features."""
    X = np.random.default_rng(0).normal(size=(n, 7))
    latent = X[:, 2] + 0.5 * X[:, 5]
    edges = np.quantile(latent, np.linspace(0, 1, n_classes + 1)[1:-1] ** 1.5)
    codes = np.clip(16 * (X + 2), 0, 63).astype(np.uint8)
    return (codes if as_codes else X.round(1).astype(np.float32)), np.searchsorted(edges, latent)


@pytest.fixture
def boosters(monkeypatch):
    """The boosters that xgboost trains during a test."""
    kept = []
    train = xgboost.train
    monkeypatch.setattr(xgboost, "train", lambda *args, **kwargs: kept.append(train(*args, **kwargs)) or kept[-1])
    return kept


@pytest.mark.parametrize("n_trees", [1, 3])
@pytest.mark.parametrize("max_depth", [None, 3, 0])
@pytest.mark.parametrize("as_codes", [False, True])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_predictions_equal_those_of_the_booster(boosters, n_classes, as_codes, max_depth, n_trees):
    X, y = task(n_classes, as_codes=as_codes)
    weights = np.random.default_rng(1).random(len(y)) * (np.arange(len(y)) % 7 > 0)
    fitted = model(n_trees=n_trees, max_depth=max_depth).fit(X, y, weights)
    assert fitted.forest_.leaves.shape[1] == n_classes
    assert len(fitted.forest_.roots) == 6 * n_trees
    np.testing.assert_allclose(fitted.predict_proba(X), boosters[0].predict(xgboost.DMatrix(X)), atol=1e-5)
    *_, last = fitted.staged_predict_proba(X)
    np.testing.assert_allclose(last, fitted.predict_proba(X), atol=1e-6)


def test_values_at_thresholds_agree_with_the_booster():
    X, y = task(3)
    data = xgboost.DMatrix(X, y)
    strategy = {"objective": "multi:softprob", "num_class": 3, "multi_strategy": "multi_output_tree", "max_depth": 4}
    booster = xgboost.train(strategy, data, 3)  # with the default base score of xgboost
    forest = convert(booster)
    inner = forest.feature >= 0
    on = np.zeros((inner.sum(), 7), np.float32)
    on[np.arange(len(on)), forest.feature[inner]] = np.nextafter(forest.threshold[inner], np.float32(np.inf))
    for tried in (on, np.nextafter(on, np.float32(-np.inf))):
        margins = booster.predict(xgboost.DMatrix(tried), output_margin=True)
        np.testing.assert_allclose(forest.scores(tried), margins, atol=1e-5)


def test_steps_equal_those_of_the_other_learners():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (400, 1)).astype(np.uint8)  # one split, the same for all
    y = np.where(X[:, 0], rng.choice(3, 400, p=[0.7, 0.2, 0.1]), rng.choice(3, 400, p=[0.1, 0.3, 0.6]))
    weights = rng.random(400).astype(np.float32) + 0.1
    same = {"n_rounds": 4, "n_trees": 2, "max_samples": 1.0, "max_features": None, "min_samples_leaf": 1, "l2": 7.0}
    ours = model(**same, learner="histogram").fit(X, y, weights)
    theirs = model(**same).fit(X, y, weights)
    np.testing.assert_allclose(theirs.predict_proba(X), ours.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(theirs.train_loss_, ours.train_loss_, rtol=1e-5)


def test_steps_are_clipped_as_in_the_other_learners():
    X = np.repeat(np.uint8([0, 1]), [180, 20])[:, None]
    y = np.where(X[:, 0], 2, np.arange(200) % 2)  # a Newton step of 10 for the third class
    same = {"n_rounds": 1, "n_trees": 1, "max_samples": 1.0, "max_features": None, "min_samples_leaf": 1, "l2": 0.0}
    ours, theirs = (model(**same, learner=learner).fit(X, y) for learner in ("histogram", "xgboost"))
    np.testing.assert_allclose(theirs.predict_proba(X), ours.predict_proba(X), atol=1e-5)


def test_a_leaf_with_few_samples_changes_nothing():
    X = np.r_[np.zeros(60), np.ones(19)].astype(np.uint8)[:, None]
    y = (np.arange(79) % 4 == 0).astype(int)
    y[60:] = 1
    same = {"n_rounds": 1, "n_trees": 1, "max_samples": 1.0, "max_features": None, "l2": 0.0}
    for min_samples_leaf, is_free in ((20, False), (10, True)):
        forest = model(**same, min_samples_leaf=min_samples_leaf).fit(X, y).forest_
        scores = forest.scores(np.uint8([[1]])) - forest.prior
        assert scores.any() == is_free


def test_learns():
    X, y = task(4, n=1500)
    names = np.array(["ankle", "elbow", "head", "wrist"])[y]
    fitted = model(n_rounds=20).fit(X[:1000], names[:1000])
    assert fitted.score(X[1000:], names[1000:]) > 0.85
    assert fitted.train_loss_.shape == (20,)
    assert fitted.train_loss_[0] == pytest.approx(-np.mean(np.log(np.bincount(y[:1000]) / 1000)[y[:1000]]), rel=1e-4)
    assert fitted.train_loss_[-1] < 0.5 * fitted.train_loss_[0]


def test_the_forest_depends_on_the_seed():
    X, y = task(3)
    first, again, other = (model(random_state=seed).fit(X, y).forest_ for seed in (0, 0, 1))
    for name in ("feature", "threshold", "child", "leaves"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.n_nodes != other.n_nodes or (first.feature != other.feature).any()


def test_max_features():
    X, y = task(3)
    same = {"n_rounds": 20, "learning_rate": 1e-3}  # so small that the same feature is best in each round
    forests = [model(**same, max_features=count).fit(X, y).forest_ for count in (None, 1)]
    assert [{*forest.feature[forest.roots].tolist()} for forest in forests] == [{2}, {*range(7)}]


def test_depth():
    X, y = task(3)
    counts = [model(max_depth=depth).fit(X, y).forest_.n_nodes / 12 for depth in (0, 1, 2, None)]
    assert counts[:2] == [1, 3]
    assert 3 < counts[2] <= 7 < counts[3]


def test_the_progress_bar(capfd):
    X, y = task(3)
    model(verbose=True).fit(X, y)
    printed, bar = capfd.readouterr()
    assert "6/6" in bar
    assert "log loss" in bar
    model().fit(X, y)
    assert not printed
    assert capfd.readouterr() == ("", "")


def test_threads(monkeypatch):
    asked = []
    train = xgboost.train

    def train_alone(parameters, *args, **kwargs):
        asked.append(parameters["nthread"])
        return train(parameters | {"nthread": 1}, *args, **kwargs)

    monkeypatch.setattr(xgboost, "train", train_alone)
    model(n_jobs=2).fit(*task(2))
    model().fit(*task(2))
    assert asked == [2, 1]


def test_a_single_class_is_rejected():
    X, _ = task(2)
    with pytest.raises(ValueError, match="single class"):
        model().fit(X, np.zeros(len(X)))


@pytest.fixture(scope="module")
def client():
    """Client of two workers with one thread each, in this process."""
    pytest.importorskip("dask.array")
    pytest.importorskip("xgboost.dask", exc_type=ImportError)
    distributed = pytest.importorskip("distributed")
    any_port = ":0"  # Dask's own port may be taken, by a test beside this one or by the user's cluster
    workers = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": any_port}
    with distributed.LocalCluster(**workers) as cluster, distributed.Client(cluster) as client:
        yield client


def chunked(*arrays):
    da = pytest.importorskip("dask.array")
    return [da.from_array(array, chunks=(130, *(4,) * (array.ndim - 1))) for array in arrays]


@pytest.mark.parametrize("as_codes", [False, True])
def test_dask_trains(client, monkeypatch, as_codes):
    dxgb = pytest.importorskip("xgboost.dask")
    kept = []
    train = dxgb.train
    monkeypatch.setattr(dxgb, "train", lambda *args, **kwargs: kept.append(train(*args, **kwargs)) or kept[-1])
    X, y = task(3, as_codes=as_codes)
    names = np.array(["ankle", "elbow", "head"])[y]
    weights = np.random.default_rng(1).random(len(y))
    settings = model(n_rounds=10, learner="histogram")
    fitted = fit_dask(client, *chunked(X, names), settings=settings, sample_weight=chunked(weights)[0])
    assert not hasattr(settings, "forest_")
    assert fitted.get_params() == settings.get_params() | {"learner": "xgboost"}
    assert fitted.n_features_in_ == 7
    assert fitted.classes_.tolist() == ["ankle", "elbow", "head"]
    booster = kept[0]["booster"]
    np.testing.assert_allclose(fitted.predict_proba(X), booster.predict(xgboost.DMatrix(X)), atol=1e-5)
    assert fitted.score(X, names) > 0.85
    assert fitted.train_loss_.shape == (10,)
    assert fitted.train_loss_[-1] < 0.2 * fitted.train_loss_[0]


@pytest.mark.parametrize("as_codes", [False, True])
def test_dask_agrees_with_local_training_without_sampling(client, as_codes):
    X, y = task(3, as_codes=as_codes)
    weights = 3 * np.random.default_rng(1).random(len(y))
    whole = model(max_samples=1.0, max_features=None)
    local = clone(whole).fit(X, y, weights)
    fitted = fit_dask(client, *chunked(X, y), settings=whole, sample_weight=chunked(weights)[0])
    np.testing.assert_allclose(fitted.forest_.prior, local.forest_.prior, rtol=1e-5)
    np.testing.assert_allclose(fitted.train_loss_, local.train_loss_, rtol=1e-3)
    np.testing.assert_allclose(fitted.predict_proba(X), local.predict_proba(X), atol=0.01)


def test_dask_accepts_unknown_chunk_sizes(client):
    X, y = task(3)
    lazy, labels = chunked(X.astype(float), y)
    kept = labels > -1
    fitted = fit_dask(client, lazy[kept], labels[kept], settings=model())
    assert fitted.score(X, y) > 0.7


def test_dask_rejects_invalid_input(client):
    X, y = task(3)
    gap = X.copy()
    gap[7, 1] = np.nan
    lazy, labels, with_gap, nothing = chunked(X, y, gap, np.zeros(len(y)))
    with pytest.raises(ValueError, match=r"\(500, 7\), \(499,\)"):
        fit_dask(client, lazy, labels[1:], settings=model())
    with pytest.raises(ValueError, match="NaN"):
        fit_dask(client, with_gap, labels, settings=model())
    for weights in (nothing, nothing - 1, nothing + np.inf):
        with pytest.raises(ValueError, match="sample_weight"):
            fit_dask(client, lazy, labels, settings=model(), sample_weight=weights)
    with pytest.raises(ValueError, match="n_rounds"):
        fit_dask(client, lazy, labels, settings=model(n_rounds=0))


@pytest.mark.parametrize("missing", ["dask.array", "xgboost.dask"])
def test_the_error_without_dask_says_what_to_install(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"pip install posemachines\[xgboost\]"):
        fit_dask(None, *task(2), settings=model())


def test_the_error_without_xgboost_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(ImportError, match=r"pip install posemachines\[xgboost\]"):
        model().fit(*task(2))


def test_initial_scores_are_the_prior():
    X, y = task(3)
    prior = np.float32([0.3, -0.1, -2.0])
    forest, losses = fit_boosted(model(), X, y, np.ones(len(y)), prior)
    np.testing.assert_array_equal(forest.prior, prior)
    shares = np.exp(prior) / np.exp(prior).sum()
    assert losses[0] == pytest.approx(-np.log(shares[y]).mean(), rel=1e-5)
