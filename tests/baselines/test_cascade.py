"""Cascaded regression by trees on pixel differences."""

import cv2
import numpy as np
import pytest
from sklearn.tree import ExtraTreeRegressor

from baselines import CascadedRegression
from baselines.cascade import _as_heap, _differences, _frames
from posemachines.skeleton import Skeleton
from tests.baselines.shapes import error, mean_error
from tests.toys import TRIANGLE, triangles


def small(**settings):
    return CascadedRegression(**({"n_levels": 6, "n_trees": 40, "depth": 3, "skeleton": TRIANGLE} | settings))


@pytest.fixture(scope="module")
def people():
    return triangles(300)


@pytest.fixture(scope="module")
def fitted(people):
    return small().fit(*people)


def test_a_rigid_shape_is_found(fitted, people):
    images, joints = triangles(60, seed=1)
    assert error(fitted.predict(images), joints) < 0.35 * mean_error(people[1], joints)


def test_each_level_reduces_the_error(people):
    images, joints = triangles(60, seed=1)
    errors = [error(small(n_levels=n).fit(*people).predict(images), joints) for n in (1, 3, 6)]
    assert errors[0] > errors[1] > errors[2]


def test_more_starts_and_mirror_images(people):
    images, joints = triangles(60, seed=1)
    paired = Skeleton("triangle", TRIANGLE.parts, pairs=(("right", "left"),))
    for settings in ({"n_starts": 3}, {"skeleton": paired, "sample": 0.5}, {"skeleton": paired, "mirrored": False}):
        assert error(small(**settings).fit(*people).predict(images), joints) < 0.6 * mean_error(people[1], joints), (
            settings
        )


def test_unlabelled_joints_have_no_weight(people):
    images, joints = people[0], people[1].copy()
    joints[::3, 1] = (1e6, -1e6, 0)
    new, truth = triangles(60, seed=1)
    assert error(small().fit(images, joints).predict(new), truth) < 4


def test_training_and_prediction_walk_the_same_trees(rng):
    seen = rng.integers(-200, 200, (500, 7)).astype(np.float32)
    tree = ExtraTreeRegressor(max_depth=4, min_samples_leaf=30, random_state=0).fit(seen, rng.normal(size=(500, 2)))
    questions, thresholds, ends = _as_heap(tree.tree_, 4)
    node = np.zeros(len(seen), int)
    for _ in range(4):
        node = 2 * node + 1 + (seen[np.arange(len(seen)), questions[node]] > thresholds[node])
    np.testing.assert_array_equal(ends[node - 15], tree.apply(seen))


def test_pixels_turn_with_the_pose():
    mean = np.array([10 + 10j, 30 + 10j])
    quarter = 20 + 20j + 1j * (mean - mean.mean())  # rotated by a quarter turn, around another centre
    frames = _frames(np.stack([mean, quarter]), mean)
    np.testing.assert_allclose(frames, [1, 1j], atol=1e-12)
    grey = np.zeros((2, 40, 40), np.int16)
    grey[0, 12, 15] = 100  # (5, 2) from the first joint
    grey[1, 15, 18] = 100  # rotated: (-2, 5) from it, at its new place (20, 10)
    seen = _differences(grey, np.arange(2), np.stack([mean, quarter]), frames, np.array([0, 0]), np.array([5 + 2j, 0]),
                        np.array([[0, 1]]))  # fmt: skip
    np.testing.assert_array_equal(seen, [[100], [100]])


def test_one_part_has_no_angle(rng):
    images = rng.integers(0, 255, (30, 24, 24, 3)).astype(np.uint8)
    joints = np.concatenate([rng.uniform(4, 20, (30, 1, 2)), np.ones((30, 1, 1))], -1)
    poses = small(skeleton=None).fit(images, joints).predict(images)
    assert np.isfinite(poses).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_levels": 0}, "n_levels must be at least 1; got 0"),
        ({"n_pixels": 1}, "n_pixels must be at least 2"),
        ({"shrinkage": 0.0}, "shrinkage must be above 0"),
        ({"sample": 1.5}, "sample must be above 0 and at most 1; got 1.5"),
    ],
)
def test_bad_settings_are_refused(people, settings, message):
    with pytest.raises(ValueError, match=message):
        small(**settings).fit(*people)


def test_nodes_are_counted(fitted):
    nodes = fitted.size()["nodes"]
    assert 6 * 40 * 3 <= nodes <= 6 * 40 * 15


def facing_left(n, seed):
    """Subjects of four dots, seen from above, that all face left: crops, joints and skeleton."""
    rng = np.random.default_rng(seed)
    skeleton = Skeleton("mouse", ("snout", "left ear", "right ear", "tail"), pairs=(("right ear", "left ear"),))
    shape = np.array([[-20, 0], [-12, 6], [-12, -6], [20, 0]], float)
    colours = ((255, 60, 60), (60, 255, 60), (60, 60, 255), (255, 255, 60))
    images, joints = np.full((n, 64, 64, 3), 90, np.uint8), np.ones((n, 4, 3), np.float32)
    for index, angle in enumerate(rng.uniform(-0.9, 0.9, n)):
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        joints[index, :, :2] = shape @ turn + 31.5 + rng.normal(0, 2, 2)
        for (x, y, _), colour in zip(joints[index], colours, strict=True):
            cv2.circle(images[index], (round(float(x)), round(float(y))), 4, colour, -1)
    return images, joints, skeleton


def test_subjects_that_face_one_way_are_not_mirrored():
    """Their mean pose would collapse, and every prediction starts at it."""
    X, y, skeleton = facing_left(60, seed=0)
    train, test = slice(0, 45), slice(45, 60)
    error = {}
    for mirrored in ("auto", True, False):
        machine = CascadedRegression(mirrored=mirrored, skeleton=skeleton).fit(X[train], y[train])
        error[mirrored] = np.linalg.norm(machine.predict(X[test]) - y[test, :, :2], axis=-1).mean()
    mean = np.linalg.norm(y[train, :, :2].mean(0) - y[test, :, :2], axis=-1).mean()
    assert error["auto"] == error[False] < 0.5 * mean
    assert error["auto"] < 0.7 * error[True]


def test_few_subjects_start_from_many_poses():
    X, y, skeleton = facing_left(60, seed=1)
    train, test = slice(0, 30), slice(30, 60)
    one, auto = (
        np.linalg.norm(
            CascadedRegression(n_starts=n, skeleton=skeleton).fit(X[train], y[train]).predict(X[test]) - y[test, :, :2],
            axis=-1,
        ).mean()
        for n in (1, "auto")
    )
    assert auto < one


def test_settings_that_are_none():
    X, y, skeleton = facing_left(4, seed=1)
    for wrong in ({"mirrored": "maybe"}, {"n_starts": "many"}):
        with pytest.raises(ValueError, match="must be"):
            CascadedRegression(skeleton=skeleton, **wrong).fit(X, y)
