"""Pictorial structures: exact inference on a tree."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import PictorialStructures
from baselines._distance_transform import best_offsets
from posemachines import PoseMachine
from posemachines.skeleton import LSP, Skeleton

FOREST = PoseMachine(1, n_rounds=4, max_depth=4, n_jobs=1, random_state=0)


@pytest.fixture(scope="module")
def fitted(crops):
    X, y = crops
    return PictorialStructures(FOREST, skeleton=LSP).fit(X[:100], y[:100])


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.integers(1, 6), st.integers(1, 7)), st.integers(0, 10**6),
    st.floats(0.01, 5), st.floats(0.01, 5), st.floats(-4, 4), st.floats(-4, 4),
)  # fmt: skip
def test_distance_transform_is_the_maximum_over_all_places(shape, seed, price_x, price_y, shift_x, shift_y):
    scores = np.random.default_rng(seed).normal(0, 3, shape)
    prices, shift = np.array([price_x, price_y]), np.array([shift_x, shift_y])
    best, where = best_offsets(scores, prices, shift)
    rows, columns = np.indices(shape)
    for y, x in np.ndindex(shape):
        paid = price_x * (columns - x - shift_x) ** 2 + price_y * (rows - y - shift_y) ** 2
        expected = scores - paid
        assert best[y, x] == pytest.approx(expected.max(), abs=1e-9)
        assert expected[where[y, x, 1], where[y, x, 0]] == pytest.approx(expected.max(), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_best_pose_is_the_best_of_all_poses(seed):
    rng = np.random.default_rng(seed)
    shape = (3, 4)
    made = PictorialStructures(n_types=2)
    made.edges_ = np.array([(1, 0), (1, 2)])
    made.types_ = np.concatenate(
        [rng.uniform(-2, 2, (2, 2, 2)), rng.uniform(0.3, 2, (2, 2, 2)), np.log(rng.uniform(0.2, 0.8, (2, 2, 1)))], -1
    )
    beliefs, weight = rng.uniform(0.01, 1, (3, *shape)), 0.7
    places = [(x, y) for y in range(shape[0]) for x in range(shape[1])]

    def total(pose):
        score = sum(np.log(beliefs[part, y, x]) for part, (x, y) in enumerate(pose))
        for (parent, child), types in zip(made.edges_, made.types_, strict=True):
            away = np.subtract(pose[child], pose[parent])
            score += weight * max(
                kind[4] - 0.5 * np.log(kind[2] * kind[3]) - 0.5 * ((away - kind[:2]) ** 2 / kind[2:4]).sum()
                for kind in types
            )
        return score

    best = max(itertools.product(places, repeat=3), key=total)
    found = made._best_pose(beliefs, weight)
    assert total([tuple(place) for place in found]) == pytest.approx(total(best), abs=1e-9)


def test_tree_joins_all_parts_once(fitted):
    edges = fitted.edges_
    assert len(edges) == LSP.n_parts - 1
    reached = {int(edges[0, 0])}
    for parent, child in edges.tolist():
        assert parent in reached
        assert child not in reached
        reached.add(child)
    limbs = {frozenset(limb) for limb in LSP.limbs}
    assert all(frozenset(edge) in limbs for edge in edges.tolist())


def test_without_weight_every_part_is_alone(fitted, crops):
    X, _ = crops
    made = PictorialStructures(fitted.machine_, prefit=True, weights=(0.0,), skeleton=LSP).fit(*crops)
    beliefs = next(iter(made.machine_.staged_beliefs(X[:4])))[:, :-1]
    cells = np.stack(np.unravel_index(beliefs.reshape(4, LSP.n_parts, -1).argmax(-1), beliefs.shape[2:])[::-1], -1)
    assert np.abs(made.predict(X[:4]) - ((cells + 0.5) * made.machine_.stride_ - 0.5)).max() <= made.machine_.stride_


def test_skeleton_without_limbs_and_bad_use(crops):
    X, y = crops
    bare = Skeleton("bare", LSP.parts)
    made = PictorialStructures(FOREST, skeleton=bare, weights=(0.1,)).fit(X[:40], y[:40])
    assert len(made.edges_) == LSP.n_parts - 1
    with pytest.raises(ValueError, match="prefit needs a fitted machine"):
        PictorialStructures(prefit=True).fit(X[:4], y[:4])
