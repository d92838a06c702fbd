import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config
from sklearn.ensemble import RandomForestClassifier

from posemachines.forest._kernels import ENABLED, growing, growing_twins, walking
from posemachines.forest._kernels.lanes import LANES
from posemachines.forest.features import N_CODES
from posemachines.forest.growing import count_features, cut, grow_forest, grow_tree, lanes
from posemachines.forest.trees import lay_out

N_CLASSES = 3


@pytest.fixture
def task():
    """300 descriptors of 7 values; the class depends on two of them."""
    rng = np.random.default_rng(0)
    descriptors = np.asfortranarray(rng.normal(size=(300, 7)).astype(np.float32))
    classes = (descriptors[:, 2] > 0.3).astype(int) + (descriptors[:, 5] > -0.2)
    return descriptors, classes


def grow(task, n_classes=N_CLASSES, **changes):
    settings = {"n_trees": 6, "min_samples_leaf": 4, "max_features": 0.6, "random": np.random.RandomState(0)}
    descriptors, classes = task
    shares = np.eye(n_classes, dtype=np.float32)[classes]
    return grow_forest(descriptors, shares, np.ones(len(classes)), **settings | changes)


def test_every_kernel_has_a_twin_of_the_same_name():
    assert growing.__all__ == growing_twins.__all__


@pytest.mark.skipif(config.DISABLE_JIT or not ENABLED, reason="plain Python is not parallel")
@pytest.mark.parametrize("kernel", [growing.grow, walking.find_leaves])
def test_kernels_called_from_threads_are_not_parallel(kernel):
    """Some threading layers of numba do not support concurrent callers."""
    assert not kernel.targetoptions.get("parallel")


@pytest.mark.parametrize(("min_leaf", "max_depth"), [(1, 20), (9, 20), (9, 64), (1, 2), (1, 0)])
@pytest.mark.parametrize(("seed", "penalty"), [(1, 0.0), (2**63 + 5, 5.0)])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_grow(task, min_leaf, max_depth, seed, penalty, share):
    descriptors, classes = task
    codes, _ = cut(descriptors, np.random.RandomState(0))
    order = np.arange(0, 300, 3, dtype=np.int32)
    values = lanes(np.eye(N_CLASSES)[classes[order]], (1 + classes[order] % 2).astype(np.float32))
    limits = 5.0, float(min_leaf), float(max_depth), penalty, share
    (nodes, sums), (plain_nodes, plain_sums) = (
        module.grow(codes, order.copy(), values.copy(), limits, N_CODES, np.uint64(seed))
        for module in (growing, growing_twins)
    )
    assert nodes.dtype == plain_nodes.dtype == np.int32
    assert sums.dtype == plain_sums.dtype == np.float32
    np.testing.assert_array_equal(nodes, plain_nodes)
    np.testing.assert_allclose(sums, plain_sums, rtol=1e-6)
    assert len(sums) == len(nodes) + 1


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 9), st.integers(2, 200))
@settings(max_examples=30, deadline=None)
def test_histograms_by_subtraction_give_the_same_tree(seed, n_tried, min_leaf, n):
    """The tree is the same as one whose histograms are all filled from the cells."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, N_CODES, (12, n), dtype=np.uint8)
    values = lanes(rng.integers(-3, 4, (n, 2)).astype(np.float32), np.ones(n))
    order = np.arange(n, dtype=np.int32)
    limits = float(n_tried), float(min_leaf), 30.0, 0.0, 1.0
    nodes, sums = growing.grow(codes, order.copy(), values.copy(), limits, N_CODES, np.uint64(seed | 1))
    assert len({*nodes[:, 0]}) <= n_tried
    feature, threshold, child = lay_out(nodes[:, 0], nodes[:, 1], nodes[:, 2], nodes[:, 3])
    reached = walking.find_leaves(codes, feature, threshold, child, 0)
    for leaf, total in enumerate(sums):
        np.testing.assert_array_equal(total, values[reached == leaf].sum(0))
    if len(nodes):
        plain, _ = growing_twins.grow(codes, order.copy(), values.copy(), limits, N_CODES, np.uint64(seed | 1))
        np.testing.assert_array_equal(nodes, plain)


def test_codes_are_used_without_a_copy(rng):
    codes = np.asfortranarray(rng.integers(0, N_CODES, (20, 3), dtype=np.uint8))
    cut_codes, edges = cut(codes, np.random.RandomState(0))
    assert edges is None
    assert np.shares_memory(cut_codes, codes)
    np.testing.assert_array_equal(cut_codes, codes.T)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_other_features_are_binned_with_equal_frequency(rng, dtype):
    descriptors = rng.integers(0, 250, (6400, 2)).astype(dtype)
    codes, edges = cut(descriptors, np.random.RandomState(0))
    assert codes.shape == (2, 6400)
    assert edges.shape == (2, N_CODES - 1)
    assert (np.bincount(codes[0], minlength=N_CODES) < 300).all()
    assert codes.max() == N_CODES - 1


@given(st.integers(1, 60), st.integers(1, 9), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_codes_are_consistent_with_the_edges(n, n_values, seed):
    descriptors = np.random.default_rng(seed).integers(0, n_values, (n, 2)).astype(np.float32)
    codes, edges = cut(descriptors, np.random.RandomState(seed))
    for column, of_column, upper in zip(descriptors.T, codes, edges, strict=True):
        for code in range(N_CODES - 1):
            np.testing.assert_array_equal(of_column <= code, column <= upper[code])


@pytest.mark.parametrize(("n_targets", "n_lanes"), [(2, 16), (15, 16), (16, 32), (40, 48)])
def test_lanes_are_weighted_targets_and_the_weight(rng, n_targets, n_lanes):
    targets, weights = rng.normal(size=(5, n_targets)), rng.random(5)
    values = lanes(targets, weights)
    assert values.dtype == np.float32
    assert values.shape == (5, n_lanes)
    assert n_lanes % LANES == 0
    np.testing.assert_allclose(values[:, :n_targets], targets * weights[:, None], rtol=1e-6)
    np.testing.assert_allclose(values[:, -1], weights, rtol=1e-6)
    assert not values[:, n_targets:-1].any()


@pytest.mark.parametrize("n_targets", [3, 20])
def test_leaves_are_sums_over_their_cells(rng, n_targets):
    codes = rng.integers(0, N_CODES, (4, 80), dtype=np.uint8)
    values = lanes(rng.normal(size=(80, n_targets)), rng.random(80))
    rows = np.sort(rng.choice(80, 60, replace=False)).astype(np.int32)
    limits = {"max_features": 2, "min_samples_leaf": 5, "max_depth": None}
    feature, threshold, child, sums = grow_tree(codes, None, rows, values, 7, **limits)
    reached = walking.find_leaves(codes, feature, threshold, child, 0)[rows]
    assert (np.bincount(reached) >= 5).all()
    assert len(sums) == (feature < 0).sum() == reached.max() + 1
    for leaf, total in enumerate(sums):
        np.testing.assert_allclose(total, values[rows[reached == leaf]].sum(0), rtol=1e-4, atol=1e-5)


def test_thresholds_are_edges_of_the_codes(task):
    descriptors, classes = task
    codes, edges = cut(descriptors, np.random.RandomState(0))
    values = lanes(np.eye(N_CLASSES)[classes], np.ones(300))
    rows, limits = np.arange(300, dtype=np.int32), {"max_features": None, "min_samples_leaf": 9, "max_depth": 4}
    on_codes = grow_tree(codes, None, rows, values, 7, **limits)
    feature, threshold, child, _ = grow_tree(codes, edges, rows, values, 7, **limits)
    inner = feature >= 0
    assert set(feature[inner]) <= set(range(7))
    np.testing.assert_array_equal(threshold[inner], edges[feature[inner], on_codes[1][inner].astype(int)])
    np.testing.assert_array_equal(
        walking.find_leaves(np.ascontiguousarray(descriptors.T), feature, threshold, child, 0),
        walking.find_leaves(codes, *on_codes[:3], 0),
    )


def test_a_large_penalty_prevents_small_leaves(task):
    descriptors, classes = task
    codes, _ = cut(descriptors, np.random.RandomState(0))
    values = lanes(np.eye(N_CLASSES)[classes] - 1 / N_CLASSES, np.ones(300))
    limits = {"max_features": None, "min_samples_leaf": 1, "max_depth": None}
    rows = np.arange(300, dtype=np.int32)
    free, careful = (grow_tree(codes, None, rows, values, 7, **limits, penalty=penalty) for penalty in (0.0, 20.0))
    assert 1 < len(careful[0]) < len(free[0])


def test_learns_about_as_well_as_scikit_learn(task):
    descriptors, classes = task
    fresh = np.random.default_rng(1).normal(size=(200, 7)).astype(np.float32)
    truth = (fresh[:, 2] > 0.3).astype(int) + (fresh[:, 5] > -0.2)
    ours = (grow(task, n_trees=10).scores(fresh).argmax(1) == truth).mean()
    model = RandomForestClassifier(10, min_samples_leaf=4, max_features=0.6, random_state=0)
    theirs = (model.fit(descriptors, classes).predict(fresh) == truth).mean()
    assert ours > max(theirs - 0.05, 0.85)


def test_leaves_are_weighted_class_frequencies(task):
    descriptors, classes = task
    weights = np.array([1.0, 2, 4])[classes]
    targets = np.eye(N_CLASSES, dtype=np.float32)[classes]
    forest = grow_forest(descriptors, targets, weights, max_depth=0, n_trees=3, random=np.random.RandomState(0))
    assert forest.n_nodes == 3
    assert not forest.softmax
    shares = np.bincount(classes, weights) / weights.sum()
    np.testing.assert_allclose(3 * forest.leaves, [shares] * 3, atol=0.06)


def test_scores_are_probabilities(task):
    scores = grow(task).scores(task[0])
    assert scores.min() >= 0
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)


def test_min_samples_leaf_and_unseen_classes(task):
    deep, shallow = grow(task, min_samples_leaf=4), grow(task, min_samples_leaf=40)
    assert shallow.n_nodes < deep.n_nodes
    assert shallow.n_nodes <= 6 * (2 * (190 // 40) - 1)
    forest = grow(task, n_classes=5, n_trees=2)
    assert not forest.leaves[:, 3:].any()
    np.testing.assert_allclose(2 * forest.leaves.sum(1), 1, rtol=1e-6)


def test_thresholds_of_a_forest_on_codes_are_codes(rng):
    codes = rng.integers(0, N_CODES, (200, 5), dtype=np.uint8)
    forest = grow((codes, (codes[:, 1] > 20).astype(int)), n_classes=2)
    cuts = forest.threshold[forest.feature >= 0]
    assert len(cuts)
    np.testing.assert_array_equal(cuts, cuts.round())
    assert cuts.min() >= 0
    assert cuts.max() < N_CODES - 1


def test_the_forest_depends_on_the_seed_only(task):
    one, two, other = grow(task), grow(task, n_jobs=2), grow(task, random=np.random.RandomState(1))
    for name, values in vars(one).items():
        np.testing.assert_array_equal(values, getattr(two, name))
    assert other.n_nodes != one.n_nodes or (other.threshold != one.threshold).any()


@pytest.mark.parametrize(
    ("max_features", "expected"),
    [(0.25, 25), (0.001, 1), (7, 7), (160, 100), (1.0, 100), (1, 1), (None, 100), ("sqrt", 10), ("log2", 6)],
)
def test_max_features_counts_as_in_scikit_learn(max_features, expected):
    assert count_features(max_features, 100) == expected


@pytest.mark.parametrize("max_features", [0, -3, -0.1, 1.5, "auto"])
def test_invalid_max_features(max_features):
    with pytest.raises(ValueError, match="max_features must be"):
        count_features(max_features, 100)
