"""Random trees, for the tests of everything that lays trees out or walks them."""

import numpy as np


def random_tree(rng, n_inner, n_features, *, n_codes=64):
    """Feature, threshold, left and right of `n_inner` nodes, root first and the others in any order; children below 0
    are the `n_inner` + 1 leaves, in any order."""
    children = np.zeros((n_inner, 2), int)
    loose = []
    for node in range(n_inner):
        if node:
            children[loose.pop(rng.integers(len(loose)))] = node
        loose += [(node, 0), (node, 1)]
    for place, leaf in zip(loose, rng.permutation(n_inner + 1), strict=False):
        children[place] = ~leaf
    feature = rng.integers(0, n_features, n_inner)
    return feature, rng.integers(0, n_codes - 1, n_inner), *children.T


def leaf_of(tree, descriptor):
    """The leaf that a descriptor reaches, step by step."""
    feature, threshold, left, right = tree
    node = 0 if len(feature) else ~0
    while node >= 0:
        node = (left if descriptor[feature[node]] <= threshold[node] else right)[node]
    return ~node
