"""Nearest neighbour and ridge regression on HOG, and pictorial structures."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import MeanPose, NearestNeighbourHOG, PictorialStructures, RidgeHOG
from baselines._distance_transform import best_offsets
from posemachines import ForestStage, PoseMachine
from posemachines.datasets import draw_figures
from posemachines.evaluation import evaluate_stages
from posemachines.skeleton import LSP, Skeleton

FOREST = PoseMachine(1, stage=ForestStage(n_rounds=4, max_depth=4, n_jobs=1), random_state=0)
MAKE = {
    "neighbour": lambda **more: NearestNeighbourHOG(skeleton=LSP, **more),
    "ridge": lambda **more: RidgeHOG(skeleton=LSP, **more),
    "structures": lambda **more: PictorialStructures(FOREST, skeleton=LSP, **more),
}

MARGIN = {"neighbour": 4, "ridge": 2, "structures": 6}  # points of PCK@0.2 above the mean pose


@pytest.fixture(scope="module")
def crops():
    found = draw_figures(430, random_state=4, size=64, occlusion=0.0, background_people=0.0).crops(64)
    return found.X, found.y


@pytest.fixture(scope="module")
def fitted(crops):
    X, y = crops
    return {name: make().fit(X[:400], y[:400]) for name, make in MAKE.items()}


def score(poses, y):
    return evaluate_stages([poses], y, LSP, n_resamples=10).stages[-1].pck["0.2"]


@pytest.mark.parametrize("name", MAKE)
def test_better_than_not_looking(fitted, crops, name):
    X, y = crops
    mean = score(MeanPose(skeleton=LSP).fit(X[:400], y[:400]).predict(X[400:]), y[400:])
    assert score(fitted[name].predict(X[400:]), y[400:]) > mean + MARGIN[name]
    assert score(fitted[name].predict(X[:400]), y[:400]) > score(fitted[name].predict(X[400:]), y[400:])


@pytest.mark.parametrize("name", MAKE)
def test_saved_and_read_again(fitted, crops, name, tmp_path):
    X, _ = crops
    fitted[name].save(tmp_path / "some.npz")
    again = type(fitted[name]).load(tmp_path / "some.npz")
    np.testing.assert_array_equal(again.predict(X[:5]), fitted[name].predict(X[:5]))
    assert again.complexity() == fitted[name].complexity()
    assert sum(again.complexity().values()) > 0
    assert again.skeleton_ == LSP
    (poses,) = again.staged_predict(X[:5])
    assert poses.shape == (5, LSP.n_parts, 2)
    assert poses.dtype == np.float32
    with pytest.raises(ValueError, match="not a MeanPose"):
        MeanPose.load(tmp_path / "some.npz")


@pytest.mark.parametrize("name", MAKE)
def test_same_people_same_machine(fitted, crops, name):
    X, y = crops
    again = MAKE[name]().fit(X[:400], y[:400])
    np.testing.assert_array_equal(again.predict(X[400:]), fitted[name].predict(X[400:]))


@pytest.mark.parametrize("name", ["neighbour", "ridge"])
def test_unlabelled_joints_do_not_count(crops, name):
    X, y = crops
    hidden = y[:400].copy()
    hidden[::2, 3] = (1e6, -1e6, 0)
    poses = MAKE[name]().fit(X[:400], hidden).predict(X[400:])
    assert np.abs(poses).max() < 300
    never = y[:400].copy()
    never[:, 3, 2] = 0
    with pytest.raises(ValueError, match=f"nobody has {LSP.parts[3]} labelled"):
        MAKE[name]().fit(X[:400], never)


@pytest.mark.parametrize("name", ["neighbour", "ridge"])
def test_crops_of_another_size_are_refused(fitted, crops, name):
    with pytest.raises(ValueError, match=r"crops must be \(64, 64\) px"):
        fitted[name].predict(np.zeros((1, 32, 32, 3), np.uint8))


def test_neighbour_of_a_training_person_is_that_person(fitted, crops):
    X, y = crops
    labelled = y[:20, :, 2] > 0
    poses = fitted["neighbour"].predict(X[:20])
    np.testing.assert_allclose(poses[labelled], y[:20, :, :2][labelled], atol=1e-4)
    several = NearestNeighbourHOG(n_neighbours=3, skeleton=LSP).fit(X[:400], y[:400]).predict(X[:20])
    assert np.abs(several - poses).max() > 1
    with pytest.raises(ValueError, match="n_neighbours must be at least 1"):
        NearestNeighbourHOG(n_neighbours=0).fit(X[:5], y[:5])


def test_ridge_chooses_its_strength(crops):
    X, y = crops
    weak = RidgeHOG(strengths=(1e-6, 10.0, 1e9)).fit(X[:400], y[:400])
    assert float(weak.strength_) == 10.0


# -- pictorial structures -------------------------------------------------------------------------------------------


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
    edges = fitted["structures"].edges_
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
    made = PictorialStructures(fitted["structures"].machine_, prefit=True, weights=(0.0,), skeleton=LSP).fit(*crops)
    beliefs = next(iter(made.machine_.staged_beliefs(X[:4])))[:, :-1]
    cells = np.stack(np.unravel_index(beliefs.reshape(4, LSP.n_parts, -1).argmax(-1), beliefs.shape[2:])[::-1], -1)
    assert np.abs(made.predict(X[:4]) - ((cells + 0.5) * made.machine_.stride_ - 0.5)).max() <= made.machine_.stride_


def test_skeleton_without_limbs_and_bad_use(crops):
    X, y = crops
    bare = Skeleton("bare", LSP.parts)
    made = PictorialStructures(FOREST, skeleton=bare, weights=(0.1,)).fit(X[:40], y[:40])
    assert len(made.edges_) == LSP.n_parts - 1
    with pytest.raises(ValueError, match="prefit needs a machine"):
        PictorialStructures(prefit=True).fit(X[:4], y[:4])
