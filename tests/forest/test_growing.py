import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from posemachines.forest import _growing, _growing_twins
from posemachines.forest.growing import N_BINS, _bin_edges, _n_features, grow_forest

N_CLASSES = 3


@pytest.fixture
def task():
    """300 descriptors of 7 numbers; the class is told by two of them."""
    rng = np.random.default_rng(0)
    descriptors = np.asfortranarray(rng.normal(size=(300, 7)).astype(np.float32))
    classes = (descriptors[:, 2] > 0.3).astype(int) + (descriptors[:, 5] > -0.2)
    return descriptors, classes.astype(np.int16)


def plant(task, **changes):
    settings = {"n_trees": 6, "min_samples_leaf": 2, "max_features": 0.6, "random": np.random.RandomState(0)}
    descriptors, classes = task
    return grow_forest(descriptors, classes, np.ones(len(classes)), N_CLASSES, **settings | changes)


def descend(forest, descriptors):
    """Mean leaf vectors (n, C), one descriptor and tree at a time."""
    means = np.zeros((len(descriptors), forest.leaves.shape[1]))
    for mean, descriptor in zip(means, descriptors, strict=True):
        for node in forest.roots:
            while node >= 0:
                left = descriptor[forest.feature[node]] <= forest.threshold[node]
                node = forest.left[node] if left else forest.right[node]
            mean += forest.leaves[~node] / len(forest.roots)
    return means


def test_every_kernel_has_a_twin_of_the_same_name():
    assert _growing.__all__ == _growing_twins.__all__
    assert (_growing.FEW, _growing.TRIES) == (_growing_twins.FEW, _growing_twins.TRIES)


def test_encode(task):
    edges = _bin_edges(task[0].round(1), np.random.RandomState(0))
    codes = _growing.encode(task[0].round(1), edges)
    assert codes.dtype == np.uint8
    np.testing.assert_array_equal(codes, _growing_twins.encode(task[0].round(1), edges))


@pytest.mark.parametrize(("min_leaf", "max_depth"), [(1, 20), (9, 20), (1, 2), (1, 0)])
@pytest.mark.parametrize("seed", [1, 2**63 + 5])
def test_grow(task, min_leaf, max_depth, seed):
    descriptors, classes = task
    codes = _growing.encode(descriptors, _bin_edges(descriptors, np.random.RandomState(0)))
    order = np.arange(0, 300, 2, dtype=np.int32)
    weights = (1 + classes[order] % 2).astype(np.float32)
    trees = [
        module.grow(
            codes,
            order.copy(),
            classes[order],
            weights.copy(),
            (4, min_leaf, max_depth),
            N_BINS,
            N_CLASSES,
            np.uint64(seed),
        )
        for module in (_growing, _growing_twins)
    ]
    np.testing.assert_array_equal(trees[0][0], trees[1][0])
    np.testing.assert_allclose(trees[0][1], trees[1][1], rtol=1e-6)
    assert len(trees[0][1]) == len(trees[0][0]) + 1


def test_learns_about_as_well_as_scikit_learn(task):
    descriptors, classes = task
    fresh = np.random.default_rng(1).normal(size=(200, 7)).astype(np.float32)
    truth = (fresh[:, 2] > 0.3).astype(int) + (fresh[:, 5] > -0.2)
    ours = (descend(plant(task, n_trees=20), fresh).argmax(1) == truth).mean()
    model = RandomForestClassifier(20, min_samples_leaf=2, max_features=0.6, random_state=0)
    theirs = (model.fit(descriptors, classes).predict(fresh) == truth).mean()
    assert ours > max(theirs - 0.05, 0.85)


def test_leaves_are_shares_of_the_weight(task):
    descriptors, classes = task
    weights = np.array([1.0, 2, 4])[classes]
    settings = {"max_depth": 0, "n_trees": 3, "random": np.random.RandomState(0)}
    forest = grow_forest(descriptors, classes, weights, N_CLASSES, **settings)
    assert forest.n_nodes == 3
    shares = np.bincount(classes, weights) / weights.sum()
    np.testing.assert_allclose(forest.leaves, [shares] * 3, atol=0.06)


def test_leaves_hold_enough_cells_and_unseen_classes_nothing(task):
    deep, shallow = plant(task, min_samples_leaf=1), plant(task, min_samples_leaf=40)
    assert shallow.n_nodes < deep.n_nodes
    assert shallow.n_nodes <= 6 * (2 * (190 // 40) - 1)
    descriptors, classes = task
    forest = grow_forest(descriptors, classes, np.ones(300), 5, n_trees=2, random=np.random.RandomState(0))
    assert not forest.leaves[:, 3:].any()
    np.testing.assert_allclose(forest.leaves.sum(1), 1, rtol=1e-6)


def test_same_seed_same_forest_on_any_number_of_threads(task):
    one, two, other = plant(task), plant(task, n_jobs=2), plant(task, random=np.random.RandomState(1))
    for name, values in vars(one).items():
        np.testing.assert_array_equal(values, getattr(two, name))
    assert other.n_nodes != one.n_nodes or (other.threshold != one.threshold).any()


@pytest.mark.parametrize(
    ("max_features", "expected"),
    [(0.25, 25), (0.001, 1), (7, 7), (1.0, 100), (1, 1), (None, 100), ("sqrt", 10), ("log2", 6)],
)
def test_max_features_counts_as_in_scikit_learn(max_features, expected):
    assert _n_features(max_features, 100) == expected


@pytest.mark.parametrize("max_features", [0, -0.1, 1.5, 101, "auto"])
def test_bad_max_features(max_features):
    with pytest.raises(ValueError, match="max_features must be"):
        _n_features(max_features, 100)
