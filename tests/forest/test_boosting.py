import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.utils.estimator_checks import parametrize_with_checks

from posemachines.forest.boosting import BoostedForestClassifier
from posemachines.forest.features import N_CODES

LEARNERS = pytest.mark.parametrize("learner", ["histogram", "scikit-learn"])
OF_WEIGHT = "samples are drawn and counted in leaves regardless of their weight"


def boosted(**changes):
    settings = {"n_rounds": 6, "min_samples_leaf": 5, "max_features": 1.0, "max_depth": 3, "random_state": 0}
    return BoostedForestClassifier(**settings | changes)


def make_task(n, seed=0):
    """Descriptors (n, 6) and one of three classes, which depends on two of the features."""
    X = np.random.default_rng(seed).normal(size=(n, 6)).astype(np.float32)
    return X, (X[:, 1] * X[:, 4] > 0).astype(int) + (X[:, 1] > 0.8)


@pytest.fixture(scope="module")
def task():
    return make_task(300)


@pytest.fixture(scope="module")
def fitted(task):
    return boosted().fit(*task)


@parametrize_with_checks(
    [boosted(n_rounds=3, n_trees=1, learner=learner) for learner in ("histogram", "scikit-learn")],
    expected_failed_checks=lambda _: {"check_sample_weight_equivalence_on_dense_data": OF_WEIGHT},
)
def test_scikit_learn_estimator_checks(estimator, check):
    check(estimator)


@LEARNERS
def test_better_than_a_plain_forest_with_as_many_trees(learner):
    fresh, truth = make_task(3000, seed=1)
    scores, losses = [], []
    for seed in (0, 11, 12, 13):
        X, y = make_task(400, seed=seed)
        model = boosted(n_rounds=15, max_samples=0.7, l2=1.0, learner=learner).fit(X, y)
        plain = RandomForestClassifier(30, max_depth=3, min_samples_leaf=5, max_features=1.0, random_state=0).fit(X, y)
        scores.append([each.score(fresh, truth) for each in (model, plain)])
        losses.append([log_loss(truth, each.predict_proba(fresh)) for each in (model, plain)])
    (ours, theirs), (our_loss, their_loss) = np.mean(scores, 0), np.mean(losses, 0)
    assert ours > max(theirs, 0.9)
    assert our_loss < their_loss


def test_probabilities_are_the_softmax_of_the_scores(task, fitted):
    X, _ = task
    shares, scores = fitted.predict_proba(X), fitted.decision_function(X)
    assert shares.dtype == np.float32
    assert shares.min() >= 0
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    odds = np.exp(scores - scores.max(1, keepdims=True))
    np.testing.assert_allclose(shares, odds / odds.sum(1, keepdims=True), rtol=1e-4)
    np.testing.assert_array_equal(fitted.predict(X), shares.argmax(1))


@LEARNERS
def test_the_last_staged_probabilities_are_the_final_ones(task, learner):
    X, y = task
    model = boosted(n_trees=3, learner=learner).fit(X, y)
    stages = list(model.staged_predict_proba(X))
    assert len(stages) == 6
    assert all(shares.shape == (300, 3) for shares in stages)
    np.testing.assert_allclose(stages[-1], model.predict_proba(X), atol=1e-5)
    losses = [log_loss(y, shares) for shares in stages]
    assert (np.diff(losses) < 0).all()


@LEARNERS
def test_the_training_loss_falls_from_the_entropy_of_the_classes(task, learner):
    X, y = task
    model = boosted(learner=learner).fit(X, y)
    shares = np.bincount(y) / len(y)
    assert model.train_loss_.shape == (6,)
    assert model.train_loss_[0] == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-4)
    assert (np.diff(model.train_loss_) < 0).all()
    before_last = list(model.staged_predict_proba(X))[-2]
    assert model.train_loss_[-1] == pytest.approx(log_loss(y, before_last), rel=1e-3)


def test_without_splits_the_class_frequencies_are_predicted(task):
    X, y = task
    shares = boosted(max_depth=0, max_samples=1.0).fit(X, y).predict_proba(X[:2])
    np.testing.assert_allclose(shares, [np.bincount(y) / len(y)] * 2, rtol=1e-4)


@LEARNERS
@pytest.mark.parametrize("l2", [0.0, 3.0])
def test_leaves_are_newton_steps(learner, l2):
    """One tree with one split: four samples on the left, one of them of class 1, and six on the right."""
    X = np.repeat([0.0, 1.0], [4, 6])[:, None]
    y = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 0])
    settings = {"n_rounds": 1, "n_trees": 1, "max_depth": 1, "min_samples_leaf": 1, "max_samples": 1.0}
    model = boosted(**settings, l2=l2, learning_rate=0.5, learner=learner).fit(X, y)
    share = 0.6
    for value, gradient, n in ((0, 1 - 4 * share, 4), (1, 5 - 6 * share, 6)):
        step = 0.5 * gradient / (n * share * (1 - share) + l2)
        expected = np.log(share / (1 - share)) + 2 * step
        np.testing.assert_allclose(model.decision_function([[value]]), [expected], rtol=1e-4)


@LEARNERS
def test_leaves_are_vectors_over_the_classes(task, learner):
    model = boosted(learner=learner).fit(*task)
    forest = model.forest_
    assert forest.leaves.shape == (model.forest_.n_nodes - (forest.feature >= 0).sum(), 3)
    assert len(forest.roots) == 6 * 2
    assert forest.softmax
    moved = forest.leaves[abs(forest.leaves).sum(1) > 0]
    assert (abs(moved) > 0).sum(1).min() > 1, "raising one class lowers others"


def test_steps_are_bounded(rng):
    X = np.repeat([0.0, 1.0], 30)[:, None]
    model = boosted(l2=0.0, learning_rate=1.0, n_rounds=20, n_trees=1).fit(X, np.repeat([0, 1], 30))
    assert abs(model.forest_.leaves).max() <= 4
    assert np.isfinite(model.predict_proba(X)).all()


@LEARNERS
def test_the_forest_depends_on_the_seed_only(task, learner):
    one, two, other = (
        boosted(learner=learner, max_features=2, **own).fit(*task) for own in ({}, {"n_jobs": 2}, {"random_state": 1})
    )
    for name, values in vars(one.forest_).items():
        np.testing.assert_array_equal(values, getattr(two.forest_, name))
    np.testing.assert_array_equal(one.train_loss_, two.train_loss_)
    assert (one.predict_proba(task[0]) != other.predict_proba(task[0])).any()


@LEARNERS
def test_a_larger_weight_raises_the_probability_of_a_class(task, learner):
    X, y = task
    even, heavy = (boosted(learner=learner).fit(X, y, np.where(y == 2, weight, 1.0)) for weight in (1, 9))
    assert heavy.predict_proba(X)[:, 2].mean() > even.predict_proba(X)[:, 2].mean() + 0.05
    plain = boosted(learner=learner).fit(X, y)
    np.testing.assert_array_equal(even.predict_proba(X), plain.predict_proba(X))


@LEARNERS
def test_the_scale_of_the_weights_does_not_matter(task, learner):
    X, y = task
    small, large = (boosted(learner=learner).fit(X, y, factor * (1.0 + y)) for factor in (0.25, 64))
    np.testing.assert_allclose(small.predict_proba(X), large.predict_proba(X), rtol=1e-4)


@LEARNERS
def test_weights_equal_repetitions(rng, learner):
    """With all samples in each tree, no l2 and no minimum per leaf, which depend on the number of samples."""
    X = rng.integers(0, 5, (60, 3)).astype(np.uint8)
    y = (X[:, 0] + X[:, 1] > 4).astype(int) + (X[:, 2] > 3)
    times = rng.integers(1, 4, 60)
    settings = {"max_samples": 1.0, "l2": 0.0, "min_samples_leaf": 1, "max_depth": 2, "learner": learner, "n_rounds": 2}
    weighted = boosted(**settings).fit(X, y, times)
    repeated = boosted(**settings).fit(X.repeat(times, 0), y.repeat(times))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-4)


@LEARNERS
@pytest.mark.filterwarnings(
    "ignore:invalid value encountered:RuntimeWarning"
)  # kernels in plain Python warn about 0 / 0
@pytest.mark.parametrize("l2", [0.0, 5.0])
def test_samples_with_zero_weight_are_ignored(task, learner, l2):
    """Half of the samples have wrong labels and zero weight, as may one side of a split."""
    X, y = task
    wrong = np.where(np.arange(300) < 150, (y + 1) % 3, y)
    weights = (np.arange(300) >= 150).astype(float)
    model = boosted(learner=learner, n_rounds=8, l2=l2).fit(X, wrong, weights)
    assert np.isfinite(model.forest_.leaves).all()
    assert model.score(X, y) > 0.8


@pytest.mark.parametrize("weights", [np.zeros(300), -np.ones(300), np.ones(299), np.full(300, np.nan)])
def test_invalid_weights(task, weights):
    with pytest.raises(ValueError, match="weight"):
        boosted().fit(*task, sample_weight=weights)


def test_a_class_with_zero_weight_is_improbable(task):
    X, y = task
    model = boosted().fit(X, y, (y != 2).astype(float))
    shares = model.predict_proba(X)
    assert shares.shape == (300, 3)
    assert 0 < shares[:, 2].max() < 0.05


@LEARNERS
def test_the_initial_probability_of_a_rare_class_is_not_zero(rng, learner):
    X = rng.normal(size=(3000, 2)).astype(np.float32)
    y = np.zeros(3000, int)
    y[0], X[0] = 1, 50
    model = boosted(learner=learner, n_rounds=2, max_samples=0.2).fit(X, y)
    np.testing.assert_allclose(model.forest_.prior, np.log([2999 / 3000, 1e-3]), rtol=1e-4)
    assert np.isfinite(model.train_loss_).all()
    assert 0 < model.predict_proba(X)[:, 1].min() < 0.01


@LEARNERS
def test_boosting_from_the_truth_changes_little(task, learner):
    X, y = task
    sure = np.log(np.where(y[:, None] == np.arange(3), 0.98, 0.01))
    model = boosted(learner=learner).fit(X, y, base_scores=sure)
    assert model.train_loss_[0] == pytest.approx(-np.log(0.98), rel=1e-3)
    assert not model.forest_.prior.any()
    assert abs(model.forest_.leaves).max() < 0.1
    np.testing.assert_array_equal(model.predict_proba(X, sure).argmax(1), y)


@LEARNERS
def test_boosting_corrects_the_initial_scores(task, learner):
    X, y = task
    wrong = np.log(np.where((y[:, None] + 1) % 3 == np.arange(3), 0.6, 0.2))
    model = boosted(learner=learner, n_rounds=12).fit(X, y, base_scores=wrong)
    assert (np.diff(model.train_loss_) < 0).all()
    before, after = (log_loss(y, shares) for shares in (np.exp(wrong), model.predict_proba(X, wrong)))
    assert after < 0.8 * before
    shares = model.predict_proba(X, wrong)
    odds = np.exp(model.decision_function(X) + wrong)
    np.testing.assert_allclose(shares, odds / odds.sum(1, keepdims=True), rtol=1e-4)


def test_default_initial_scores_are_the_class_frequencies(task):
    X, y = task
    shares = np.log(np.bincount(y) / len(y)).astype(np.float32)
    own, given = boosted().fit(X, y), boosted().fit(X, y, base_scores=np.repeat(shares[None], 300, 0))
    np.testing.assert_allclose(own.train_loss_, given.train_loss_, rtol=1e-5)
    np.testing.assert_allclose(own.predict_proba(X), given.predict_proba(X, np.repeat(shares[None], 300, 0)), rtol=1e-4)


@LEARNERS
def test_shares_of_one_class_each_are_class_labels(task, learner):
    X, y = task
    weights = np.linspace(0.5, 2, len(y))
    labels = boosted(learner=learner).fit(X, y, weights)
    shares = boosted(learner=learner).fit_shares(X, np.eye(3)[y], weights)
    np.testing.assert_array_equal(labels.predict_proba(X), shares.predict_proba(X))
    assert shares.classes_.tolist() == [0, 1, 2]


@LEARNERS
def test_shares_are_learned(task, learner):
    X, _ = task
    shares = np.where(X[:, :1] > 0, [0.7, 0.2, 0.1], [0.1, 0.3, 0.6])
    found = boosted(n_rounds=20, l2=0, learner=learner).fit_shares(X, shares).predict_proba(X)
    assert abs(found - shares).mean() < 0.02


@LEARNERS
def test_only_the_sum_of_unknown_shares_is_learned(task, learner):
    """Half of the samples say which of two classes they have, the other half only that it is one of them."""
    X, _ = task
    shares = np.where(X[:, :1] > 0, [0.7, 0.3, 0], [0.2, 0.3, 0.5])
    told, unknown = shares.copy(), np.zeros(shares.shape, bool)
    told[::2] = np.stack([0 * shares[::2, 0], shares[::2, 1], shares[::2, [0, 2]].sum(1)], 1)
    unknown[::2, [0, 2]] = True
    model = boosted(n_rounds=30, l2=0, learner=learner)
    found = model.fit_shares(X, told, unknown=unknown).predict_proba(X)
    assert abs(found - shares).mean() < 0.02
    assert abs(model.fit_shares(X, told).predict_proba(X) - shares).mean() > 0.1


@pytest.mark.parametrize(
    "shares", [np.ones(300), np.ones((299, 2)) / 2, np.ones((300, 2)), np.full((300, 2), [1.5, -0.5])]
)
def test_malformed_shares(task, shares):
    with pytest.raises(ValueError, match="shares must be"):
        boosted().fit_shares(task[0], shares)
    with pytest.raises(ValueError, match="unknown must have"):
        boosted().fit_shares(task[0], np.full((300, 2), 0.5), unknown=np.zeros((300, 3), bool))


@pytest.mark.parametrize("starts", [np.zeros((300, 2)), np.zeros((299, 3)), np.zeros(300), np.full((300, 3), np.nan)])
def test_invalid_base_scores(task, fitted, starts):
    with pytest.raises(ValueError, match="base_scores must be"):
        boosted().fit(*task, base_scores=starts)
    with pytest.raises(ValueError, match="base_scores must be"):
        fitted.predict_proba(task[0], starts)


def test_a_single_class_is_certain():
    X = np.random.default_rng(0).normal(size=(40, 2))
    model = boosted().fit(X, np.full(40, "only"))
    np.testing.assert_allclose(model.predict_proba(X), 1)
    assert set(model.predict(X)) == {"only"}


@LEARNERS
def test_two_classes_have_one_score(task, learner):
    X, y = task
    model = boosted(learner=learner).fit(X, np.where(y == 0, "here", "there"))
    scores = model.decision_function(X)
    assert scores.shape == (300,)
    assert model.classes_.tolist() == ["here", "there"]
    np.testing.assert_array_equal(model.predict(X), np.where(scores > 0, "there", "here"))
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-scores)), rtol=1e-4)


def test_codes_are_not_binned_again(rng):
    codes = np.asfortranarray(rng.integers(0, N_CODES, (200, 4), dtype=np.uint8))
    codes[:2, 2] = 20, 21
    model = boosted(max_samples=1.0).fit(codes, codes[:, 2] > 20)
    inner = model.forest_.feature >= 0
    assert (model.forest_.feature[0], model.forest_.threshold[0]) == (2, 20)
    np.testing.assert_array_equal(model.forest_.threshold[inner], model.forest_.threshold[inner].round())
    np.testing.assert_array_equal(model.predict_proba(codes), model.predict_proba(codes.astype(np.float32)))


def test_other_features_are_binned(rng):
    numbers = rng.integers(0, 256, (200, 4), dtype=np.uint8)
    truth = numbers[:, 2] > 150
    model = boosted().fit(numbers, truth)
    assert model.score(numbers, truth) > 0.97
    scaled = boosted().fit(numbers.astype(np.float32) * 1000, truth)
    np.testing.assert_allclose(
        model.predict_proba(numbers), scaled.predict_proba(numbers * np.float32(1000)), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_rounds", 0),
        ("n_trees", 0),
        ("n_trees", None),
        ("learning_rate", -0.1),
        ("max_depth", -1),
        ("min_samples_leaf", 0),
        ("max_samples", 1.5),
        ("max_samples", -0.5),
        ("max_features", 0),
        ("max_features", 1.5),
        ("max_features", "auto"),
        ("l2", -1),
        ("l2", float("nan")),
        ("learner", "oracle"),
    ],
)
def test_invalid_parameters(name, value, task):
    with pytest.raises(ValueError, match=name):
        boosted(**{name: value}).fit(*task)


def test_unlimited_depth(task):
    deep = boosted(max_depth=None, min_samples_leaf=2).fit(*task)
    assert deep.forest_.n_nodes > boosted(min_samples_leaf=2).fit(*task).forest_.n_nodes


def test_progress_is_shown_when_verbose(capsys, task):
    boosted(verbose=True).fit(*task)
    shown = capsys.readouterr().err
    assert "boosting" in shown
    assert "log loss" in shown
    boosted().fit(*task)
    assert not "".join(capsys.readouterr())
