import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from posemachines.forest import taps
from posemachines.forest._kernels import walking, walking_twins
from posemachines.forest._kernels.step import unpack_nodes
from posemachines.forest.boosting import BoostedForestClassifier
from posemachines.forest.trees import FLOOR, _round_down, flatten, join, lay_out, start_scores

from .planted import leaf_of, random_tree

SHAPE = 5, 7
REACH = 3


@pytest.fixture
def grid(rng):
    """Packed maps of two subjects, positions of the taps, pitch, and descriptors of all cells."""
    images, dense = (rng.integers(0, 64, (2, n, *SHAPE), dtype=np.uint8) for n in (2, 1))
    beliefs = rng.random((2, 1, *SHAPE), dtype=np.float32)
    packed = taps.pack(images, beliefs, dense, np.array([-1, -1, 0], np.int16), REACH)
    table = np.concatenate([taps.window_taps([0, 2], [-3, 0, 3]), taps.window_taps([3], [0])])
    base, pitch = taps.locate(table, 3, REACH, SHAPE)
    cells = np.argwhere(np.ones((2, *SHAPE))).astype(np.int32)
    return packed, base, pitch, taps.gather(packed, base, pitch, cells)


def beliefs_on(grid, forest):
    """Beliefs computed on the packed maps, one row per cell."""
    packed, base, pitch, _ = grid
    beliefs = forest.beliefs(packed, forest.bases(base), SHAPE, pitch)
    assert beliefs.shape == (2, len(forest.prior), *SHAPE)
    assert beliefs.dtype == np.float32
    return np.moveaxis(beliefs, 1, -1).reshape(-1, len(forest.prior))


@given(st.integers(0, 40), st.integers(1, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_layout_preserves_the_leaves_that_descriptors_reach(n_inner, n_features, seed):
    rng = np.random.default_rng(seed)
    tree = random_tree(rng, n_inner, n_features)
    descriptors = rng.integers(0, 64, (25, n_features), dtype=np.uint8)
    reached = [leaf_of(tree, descriptor) for descriptor in descriptors]
    laid = lay_out(*tree)
    for module in (walking, walking_twins):
        np.testing.assert_array_equal(module.find_leaves(np.asfortranarray(descriptors).T, *laid, 0), reached)


@given(st.integers(0, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_layout_is_breadth_first(n_inner, seed):
    tree = random_tree(np.random.default_rng(seed), n_inner, 5)
    feature, threshold, child = lay_out(*tree)
    assert [values.dtype for values in (feature, threshold, child)] == [np.int32, np.float32, np.int32]
    inner = feature >= 0
    assert len(feature) == 2 * n_inner + 1
    assert child[inner].tolist() == list(range(1, 2 * n_inner, 2)), "children are in the order of their parents"
    assert sorted(child[~inner]) == list(range(n_inner + 1)), "each leaf has exactly one node"
    assert sorted(zip(feature[inner], threshold[inner], strict=True)) == sorted(zip(*tree[:2], strict=True))


@given(st.lists(st.integers(0, 12), min_size=1, max_size=4), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_scores_are_the_prior_plus_the_leaves_of_all_trees(sizes, softmax, seed):
    rng = np.random.default_rng(seed)
    trees = [random_tree(rng, n_inner, 4) for n_inner in sizes]
    vectors = [rng.normal(size=(n_inner + 1, 3)) for n_inner in sizes]
    prior = rng.normal(size=3)
    forest = join([(*lay_out(*tree), own) for tree, own in zip(trees, vectors, strict=True)], prior, softmax=softmax)
    assert forest.n_nodes == sum(2 * n_inner + 1 for n_inner in sizes)
    assert (len(forest.roots), len(forest.leaves)) == (len(sizes), sum(sizes) + len(sizes))
    descriptors = rng.integers(0, 64, (10, 4), dtype=np.uint8)
    expected = [
        prior + sum(own[leaf_of(tree, one)] for tree, own in zip(trees, vectors, strict=True)) for one in descriptors
    ]
    np.testing.assert_allclose(forest.scores(descriptors), expected, rtol=1e-4, atol=1e-5)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_softmax_beliefs_sum_to_one(sizes, seed):
    rng = np.random.default_rng(seed)
    trees = [(*lay_out(*random_tree(rng, n, 3)), rng.normal(scale=30, size=(n + 1, 4))) for n in sizes]
    forest = join(trees, rng.normal(size=4), softmax=True)
    images, empty = rng.integers(0, 64, (2, 3, 3, 4), dtype=np.uint8), np.empty((2, 0, 3, 4))
    packed = taps.pack(images, empty.astype(np.float32), empty.astype(np.uint8), np.zeros(3, np.int16), 1)
    base, pitch = taps.locate(np.array([[0, 1, 1], [1, -1, 0], [2, 0, 0]]), 3, 1, (3, 4))
    beliefs = forest.beliefs(packed, forest.bases(base), (3, 4), pitch)
    assert beliefs.min() >= 0
    np.testing.assert_allclose(beliefs.sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("learner", [ExtraTreesClassifier, RandomForestClassifier])
@pytest.mark.parametrize("max_depth", [None, 3])
def test_walking_equals_predict_proba(grid, learner, max_depth):
    descriptors = grid[-1]
    classes = np.random.default_rng(1).integers(0, 4, len(descriptors))
    model = learner(5, max_depth=max_depth, random_state=0).fit(descriptors, classes)
    expected = model.predict_proba(np.ascontiguousarray(descriptors))
    forest = flatten(model, 4)
    np.testing.assert_allclose(beliefs_on(grid, forest), expected, atol=1e-5)
    np.testing.assert_allclose(forest.scores(descriptors), expected, atol=1e-5)


@pytest.mark.parametrize("learner", ["histogram", "scikit-learn"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_walking_equals_predict_proba_of_the_boosted_forest(grid, learner, n_classes):
    descriptors = grid[-1]
    classes = np.random.default_rng(1).integers(0, n_classes, len(descriptors))
    settings = {"n_rounds": 4, "max_features": 5, "min_samples_leaf": 3, "learner": learner, "random_state": 0}
    model = BoostedForestClassifier(**settings).fit(descriptors, classes)
    assert model.forest_.n_nodes > 8
    np.testing.assert_allclose(beliefs_on(grid, model.forest_), model.predict_proba(descriptors), atol=1e-5)


@pytest.mark.parametrize("learner", ["histogram", "scikit-learn"])
def test_walking_from_previous_beliefs_equals_predict_proba_with_base_scores(grid, rng, learner):
    packed, base, pitch, descriptors = grid
    classes = rng.integers(0, 3, len(descriptors))
    previous = rng.dirichlet(np.full(3, 0.2), len(descriptors)).astype(np.float32)
    assert previous.min() < FLOOR
    settings = {"n_rounds": 3, "max_features": 5, "min_samples_leaf": 3, "learner": learner, "random_state": 0}
    model = BoostedForestClassifier(**settings).fit(descriptors, classes, base_scores=start_scores(previous))
    maps = np.ascontiguousarray(np.moveaxis(previous.reshape(2, *SHAPE, 3), -1, 1))
    kept = maps.copy()
    beliefs = model.forest_.beliefs(packed, model.forest_.bases(base), SHAPE, pitch, previous=maps)
    expected = model.predict_proba(descriptors, start_scores(previous))
    np.testing.assert_allclose(np.moveaxis(beliefs, 1, -1).reshape(-1, 3), expected, atol=1e-5)
    np.testing.assert_array_equal(maps, kept)


def test_initial_scores_are_clipped_logarithms():
    scores = start_scores(np.array([[0, 1e-9, 0.25, 1]], np.float32))
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, np.log([[FLOOR, FLOOR, 0.25, 1]]), rtol=1e-6)


@pytest.mark.parametrize("learner", [ExtraTreesClassifier, RandomForestClassifier])
def test_flattened_trees_agree_with_scikit_learn_at_the_thresholds(learner, rng):
    """Thirds, which neither float32 nor float64 represents exactly, and values next to the thresholds."""
    descriptors = (rng.integers(0, 9, (80, 3)) / 3).astype(np.float32)
    model = learner(5, random_state=0).fit(descriptors, rng.integers(0, 3, 80))
    cuts = np.concatenate([tree.tree_.threshold[tree.tree_.feature >= 0] for tree in model.estimators_])
    near = [np.nextafter(cuts.astype(np.float32), np.float32(side)) for side in (-9, 9)]
    tested = np.concatenate([cuts.astype(np.float32), *near]).repeat(3).reshape(-1, 3)
    expected = model.predict_proba(tested)
    np.testing.assert_allclose(flatten(model, 3).scores(tested), expected, atol=1e-6)


def test_an_unseen_class_has_zero_belief(grid):
    descriptors = grid[-1]
    classes = np.random.default_rng(1).choice([0, 3], len(descriptors))
    forest = flatten(ExtraTreesClassifier(3, random_state=0).fit(descriptors, classes), 5)
    beliefs = beliefs_on(grid, forest)
    assert not beliefs[:, [1, 2, 4]].any()
    np.testing.assert_allclose(beliefs.sum(1), 1, rtol=1e-6)


def test_trees_with_a_single_leaf(grid):
    descriptors = grid[-1]
    forest = flatten(ExtraTreesClassifier(3, random_state=0).fit(descriptors, np.full(len(descriptors), 2)), 4)
    assert forest.n_nodes == 3
    np.testing.assert_allclose(beliefs_on(grid, forest), [[0, 0, 1, 0]] * len(descriptors), rtol=1e-6)


def test_only_leaves_have_vectors(grid):
    descriptors = grid[-1]
    model = ExtraTreesClassifier(3, random_state=0).fit(descriptors, np.arange(len(descriptors)) % 3)
    forest = flatten(model, 3)
    assert len(forest.leaves) == sum(tree.get_n_leaves() for tree in model.estimators_)
    assert forest.n_nodes == sum(tree.tree_.node_count for tree in model.estimators_)
    assert not forest.prior.any()
    assert not forest.softmax


def test_bases_are_positions_of_features_and_negative_for_leaves(rng):
    feature, threshold, child = lay_out(*random_tree(rng, 6, 3))
    forest = join([(feature, threshold, child, np.zeros((7, 2)))], np.zeros(2), softmax=False)
    bases, _, _ = unpack_nodes(forest.bases(np.array([50, 60, 70])))
    assert bases.tolist() == [-1 if f < 0 else 50 + 10 * f for f in feature]


def test_thresholds_are_rounded_down():
    values = np.array([0.1, 1 / 3, -0.1, 2.0, 1e-40, -1e-40, 16777217.0])
    below = _round_down(values)
    assert below.dtype == np.float32
    assert (below <= values).all()
    assert (np.nextafter(below, np.float32(np.inf)).astype(float) > values).all()
