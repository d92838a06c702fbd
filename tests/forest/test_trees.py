import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from posemachines.forest import taps
from posemachines.forest.trees import _round_down, flatten

SHAPE = 5, 7


@pytest.fixture
def grid():
    """Packed maps of two people, where the taps lie, and the descriptors of all cells."""
    maps = np.random.default_rng(0).random((2, 4, *SHAPE), dtype=np.float32).round(2)  # ties with the thresholds
    table = taps.window_taps([0, 1, 3], [-3, 0, 3])
    padding = taps.margins(table, 4)
    place = taps.locate(table, padding, SHAPE)
    packed = taps.pack([maps], padding, np.full(4, np.nan))
    cells = np.argwhere(np.ones((2, *SHAPE))).astype(np.int32)
    return packed, *place, taps.gather(packed, *place, cells)


@pytest.mark.parametrize("learner", [ExtraTreesClassifier, RandomForestClassifier])
@pytest.mark.parametrize("max_depth", [None, 3])
def test_walking_equals_predict_proba(grid, learner, max_depth):
    *place, descriptors = grid
    classes = np.random.default_rng(1).integers(0, 4, len(descriptors))
    model = learner(5, max_depth=max_depth, random_state=0).fit(descriptors, classes)
    beliefs = flatten(model, 4).beliefs(*place, SHAPE)
    assert beliefs.shape == (2, 4, *SHAPE)
    expected = model.predict_proba(np.ascontiguousarray(descriptors)).reshape(2, *SHAPE, 4)
    np.testing.assert_allclose(beliefs, np.moveaxis(expected, -1, 1), atol=1e-5)


def test_an_unseen_class_gets_nothing(grid):
    *place, descriptors = grid
    classes = np.random.default_rng(1).choice([0, 3], len(descriptors))
    forest = flatten(ExtraTreesClassifier(3, random_state=0).fit(descriptors, classes), 5)
    beliefs = forest.beliefs(*place, SHAPE)
    assert not beliefs[:, [1, 2, 4]].any()
    np.testing.assert_allclose(beliefs.sum(1), 1, rtol=1e-6)


def test_trees_of_a_single_leaf(grid):
    *place, descriptors = grid
    forest = flatten(ExtraTreesClassifier(3, random_state=0).fit(descriptors, np.full(len(descriptors), 2)), 4)
    assert forest.n_nodes == 3
    np.testing.assert_array_equal(forest.beliefs(*place, SHAPE)[:, 2], 1)


def test_only_leaves_hold_vectors(grid):
    descriptors = grid[-1]
    model = ExtraTreesClassifier(3, random_state=0).fit(descriptors, np.arange(len(descriptors)) % 3)
    forest = flatten(model, 3)
    assert len(forest.leaves) == sum(tree.get_n_leaves() for tree in model.estimators_)
    assert forest.n_nodes == sum(tree.tree_.node_count for tree in model.estimators_)


def test_rounded_thresholds_decide_as_the_exact_ones():
    values = np.array([0.1, 1 / 3, -0.1, 2.0, 1e-40, -1e-40, 16777217.0])
    below = _round_down(values)
    assert below.dtype == np.float32
    assert (below <= values).all()
    assert (np.nextafter(below, np.float32(np.inf)).astype(float) > values).all()
