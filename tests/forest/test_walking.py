"""Compiled walks over trees agree with their numpy twins, on unequal axes."""

import numpy as np
import pytest

from posemachines.forest._kernels import context, walking, walking_twins
from posemachines.forest._kernels.step import LEAF_CUT, pack_nodes, unpack_nodes
from posemachines.forest.trees import join, lay_out

from .planted import random_tree

N, N_FEATURES, N_CLASSES = 2, 6, 4


@pytest.fixture
def forest(rng):
    """Trees with many nodes, few nodes, and a single leaf."""
    trees = []
    for n_inner in (30, 5, 0, 1):
        leaves = rng.normal(size=(n_inner + 1, N_CLASSES))
        trees.append((*lay_out(*random_tree(rng, n_inner, N_FEATURES)), leaves))
    return join(trees, rng.normal(size=N_CLASSES), softmax=True)


def arrays(forest):
    return forest.threshold, forest.child, forest.roots, forest.leaves, forest.prior


def test_every_kernel_has_a_twin_of_the_same_name():
    assert walking.__all__ == walking_twins.__all__


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize(("height", "width", "pitch"), [(5, 7, 7), (3, 2, 9), (9, 19, 21)])
def test_walk(rng, forest, softmax, height, width, pitch):
    """Grids smaller and larger than the block of cells that is processed at a time."""
    base = rng.integers(0, 50, N_FEATURES).astype(np.int32)
    maps = rng.integers(0, 64, (N, 50 + height * pitch + context.SLACK), dtype=np.uint8)
    trees = forest.bases(base), forest.roots, forest.depths, forest._wide_leaves
    given = maps, *trees, forest.prior, (height, width, pitch, softmax)
    compiled, plain = walking.walk(*given), walking_twins.walk(*given)
    assert compiled.shape == plain.shape == (N, N_CLASSES, height, width)
    assert compiled.dtype == plain.dtype == np.float32
    np.testing.assert_allclose(compiled, plain, rtol=1e-5, atol=1e-6)


def test_depths(forest):
    def depth(node):
        child = forest.child[node]
        return 0 if forest.feature[node] < 0 else 1 + max(depth(child), depth(child + 1))

    assert forest.depths.tolist() == [depth(root) for root in forest.roots]


def test_packing_nodes_round_trip():
    base, threshold = np.array([-1, 0, 2**29 - 1, 7]), np.array([0, 62.5, 0, -0.5], np.float32)
    nodes = pack_nodes(base, threshold, np.array([2**26, 1, 5, 3]))
    place, cut, child = unpack_nodes(nodes)
    np.testing.assert_array_equal(place, base)
    np.testing.assert_array_equal(cut, [LEAF_CUT, 63, 1, 0])
    np.testing.assert_array_equal(child, [2**26, 1, 5, 3])


@pytest.mark.parametrize(("base", "child"), [(2**29, 1), (1, 2**27)])
def test_nodes_that_do_not_fit_are_rejected(base, child):
    with pytest.raises(ValueError, match="too large for packed nodes"):
        pack_nodes(np.array([base]), np.zeros(1, np.float32), np.array([child]))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_descend(rng, forest, dtype):
    descriptors = rng.integers(0, 64, (11, N_FEATURES)).astype(dtype)
    given = descriptors, forest.feature, *arrays(forest)
    compiled, plain = walking.descend(*given), walking_twins.descend(*given)
    assert compiled.shape == plain.shape == (11, N_CLASSES)
    assert compiled.dtype == plain.dtype == np.float32
    np.testing.assert_allclose(compiled, plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_inner", [0, 1, 30])
def test_find_leaves(rng, n_inner):
    codes = rng.integers(0, 64, (N_FEATURES, 40), dtype=np.uint8)
    feature, threshold, child = lay_out(*random_tree(rng, n_inner, N_FEATURES))
    rows = [module.find_leaves(codes, feature, threshold, child, 0) for module in (walking, walking_twins)]
    np.testing.assert_array_equal(*rows)
    assert rows[0].shape == (40,)
    assert set(rows[0]) <= set(range(n_inner + 1))


def test_refine(rng):
    scores = rng.normal(scale=5, size=(N, N_CLASSES, 5, 7)).astype(np.float32)
    previous = rng.uniform(-0.1, 1, (N, N_CLASSES, 5, 7)).astype(np.float32)
    given = previous, np.float32(1e-3)
    plain, compiled = walking_twins.refine(scores, *given), walking.refine(scores.copy(), *given)
    assert compiled.shape == plain.shape
    assert compiled.dtype == plain.dtype == np.float32
    np.testing.assert_allclose(compiled, plain, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(compiled.sum(1), 1, rtol=1e-5)
