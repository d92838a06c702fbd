"""Synthetic photos: reproducible, with joints inside the photo and human proportions."""

import cv2
import numpy as np
import pytest

from posemachines.datasets import PoseDataset, make_synthetic
from posemachines.datasets.synthetic import poses
from posemachines.datasets.synthetic.figures import _place, draw_photos

N = 48
THIGHS = [[poses.RIGHT_HIP, poses.RIGHT_KNEE], [poses.LEFT_HIP, poses.LEFT_KNEE]]
UPPER_ARMS = [[poses.RIGHT_SHOULDER, poses.RIGHT_ELBOW], [poses.LEFT_SHOULDER, poses.LEFT_ELBOW]]
FOREARMS = [[poses.RIGHT_ELBOW, poses.RIGHT_WRIST], [poses.LEFT_ELBOW, poses.LEFT_WRIST]]
REST = dict.fromkeys(
    (*poses.TRUNK_ANGLES, *(f"{name}_{side}" for name in poses.SIDE_ANGLES for side in ("left", "right"))), 0.0
)


@pytest.fixture(scope="module")
def figures():
    return draw_photos(N, 3)


@pytest.fixture(scope="module")
def bodies():
    rng = np.random.default_rng(8)
    return [poses.sample_body(rng) for _ in range(300)]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first[0], second[0], strict=True)) and np.array_equal(
        first[1], second[1]
    )


def lengths(body, segments):
    return np.linalg.norm(np.diff(body.joints[segments], axis=1)[:, 0], axis=-1)


def test_photos_depend_on_the_seed_only(figures):
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        assert same(draw_photos(N, 3), figures)
    finally:
        cv2.setNumThreads(threads)


def test_a_longer_set_starts_with_a_shorter_one(figures):
    photos, joints = figures
    assert same(draw_photos(7, 3), (photos[:7], joints[:7]))


def test_different_seeds_give_different_photos(figures):
    _, joints = draw_photos(3, 4)
    assert not np.isclose(joints, figures[1][:3]).all((1, 2)).any()
    assert not same(draw_photos(2, None), draw_photos(2, None))


def test_a_generator_provides_the_seed():
    first, again, second = (np.random.default_rng(seed) for seed in (5, 5, 6))
    drawn = draw_photos(2, first)
    assert same(drawn, draw_photos(2, again))
    assert not same(drawn, draw_photos(2, first))
    assert not same(drawn, draw_photos(2, second))


def test_shapes_and_types(figures):
    photos, joints = figures
    assert joints.shape == (N, 14, 3)
    assert joints.dtype == np.float32
    assert set(np.unique(joints[..., 2])) <= {0.0, 1.0}
    for photo in photos:
        assert photo.dtype == np.uint8
        assert photo.shape[2] == 3
        assert photo.flags.c_contiguous
        assert min(photo.shape[:2]) >= 148
        assert max(photo.shape[:2]) <= 180
        assert photo.std() > 10.0


@pytest.mark.parametrize("size", [32, 600])
def test_any_size(size):
    photos, joints = draw_photos(2, size=size)
    assert min(min(photo.shape[:2]) for photo in photos) >= size
    assert 0.69 * size < np.ptp(joints[0, :, :2], axis=0).max() < 0.87 * size


def test_labelled_joints_lie_in_the_photo(figures):
    for photo, joints in zip(*figures, strict=True):
        inside = ((joints[:, :2] >= 0) & (joints[:, :2] <= np.array(photo.shape[1::-1]) - 1)).all(1)
        np.testing.assert_array_equal(joints[:, 2] == 1, inside)
    assert figures[1][..., 2].mean() > 0.98


def test_most_people_are_not_truncated(bodies):
    rng = np.random.default_rng(1)
    counts = []
    for body in bodies:
        scale, origin = _place(body, 150, 170, 128, rng)
        points = origin + scale * body.joints[:, :2] * (1, -1)
        counts.append(((points >= 0) & (points <= (169, 149))).all(1).sum())
    assert 5 <= min(counts) < 14
    assert np.mean(np.array(counts) == 14) > 0.9


def test_zero_photos():
    photos, joints = draw_photos(0)
    assert photos == []
    assert joints.shape == (0, 14, 3)


def test_the_data_set_can_be_cropped():
    people = make_synthetic(5, 3)
    assert isinstance(people, PoseDataset)
    assert len(people) == 5
    crops = people.crops(64, n_jobs=1)
    assert crops.X.shape == (5, 64, 64, 3)
    assert crops.y.shape == (5, 14, 3)
    longest = np.ptp(np.where(crops.y[..., 2:] > 0, crops.y[..., :2], np.nan), axis=1).max(1)
    np.testing.assert_allclose(longest, 0.7 * 64, atol=1.5)


def test_occluders_do_not_change_the_person():
    alone = draw_photos(6, 1, background_people=0.0, occlusion=0.0)
    covered = draw_photos(6, 1, background_people=0.0, occlusion=1.0)
    np.testing.assert_array_equal(alone[1], covered[1])
    assert not any(np.array_equal(a, b) for a, b in zip(alone[0], covered[0], strict=True))


def test_limbs_have_human_proportions(bodies):
    arms = np.array([lengths(body, UPPER_ARMS) / lengths(body, FOREARMS) for body in bodies])
    assert np.median(arms) == pytest.approx(0.186 / 0.146, rel=0.02)
    assert arms.min() > 1.0
    assert arms.max() < 1.7
    for body in bodies:
        np.testing.assert_allclose(lengths(body, THIGHS), body.lengths["thigh"])
        projected = np.linalg.norm(np.diff(body.joints[THIGHS + UPPER_ARMS, :2], axis=1)[:, 0], axis=-1)
        assert (projected <= lengths(body, THIGHS + UPPER_ARMS) + 1e-9).all()


def test_front_and_back_are_equally_frequent(bodies):
    towards = np.array([body.chest[2, 2] > 0 for body in bodies])
    assert 0.4 < towards.mean() < 0.6
    order = np.array([body.joints[poses.LEFT_SHOULDER, 0] > body.joints[poses.RIGHT_SHOULDER, 0] for body in bodies])
    upright = np.array([body.joints[poses.NECK, 1] > 0.2 for body in bodies])
    assert 0.35 < order[upright].mean() < 0.65


def test_the_left_side_of_a_person_facing_the_camera_is_on_the_right():
    facing = poses.pose_body(poses.LENGTHS, REST, np.eye(3)).joints
    turned = poses.pose_body(poses.LENGTHS, REST, np.diag([-1.0, 1.0, -1.0])).joints
    left = [poses.LEFT_SHOULDER, poses.LEFT_ELBOW, poses.LEFT_WRIST, poses.LEFT_HIP, poses.LEFT_KNEE, poses.LEFT_ANKLE]
    assert (facing[left, 0] > 0).all()
    assert (turned[left, 0] < 0).all()
    assert (
        facing[poses.HEAD_TOP, 1] > facing[poses.NECK, 1] > 0 > facing[poses.LEFT_KNEE, 1] > facing[poses.LEFT_ANKLE, 1]
    )


@pytest.mark.parametrize(
    ("angle", "joint", "axis", "sign"),
    [
        ("hip_left", poses.LEFT_KNEE, 2, 1),
        ("straddle_right", poses.RIGHT_KNEE, 0, -1),
        ("knee_left", poses.LEFT_ANKLE, 2, -1),
        ("arm_out_left", poses.LEFT_ELBOW, 0, 1),
        ("elbow_right", poses.RIGHT_WRIST, 2, 1),
        ("lean", poses.NECK, 2, 1),
    ],
)
def test_directions_of_angles(angle, joint, axis, sign):
    moved = poses.pose_body(poses.LENGTHS, REST | {angle: 60.0}, np.eye(3)).joints
    step = moved[joint] - poses.pose_body(poses.LENGTHS, REST, np.eye(3)).joints[joint]
    assert sign * step[axis] > 0.1


@pytest.mark.parametrize("n", [-1, 2.5, "3", True])
def test_invalid_n(n):
    with pytest.raises(ValueError, match=r"n is .* expected an integer >= 0"):
        draw_photos(n)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 20}, "size is 20, expected an integer >= 32"),
        ({"occlusion": 1.2}, r"occlusion is 1.2, expected a probability in \[0, 1\]"),
        ({"background_people": float("nan")}, "background_people is nan"),
        ({"random_state": -3}, "random_state is -3, expected None"),
        ({"random_state": "x"}, "random_state is 'x'"),
    ],
)
def test_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_photos(1, **arguments)


def test_an_empty_data_set_is_rejected():
    with pytest.raises(ValueError, match="n is 0, expected an integer >= 1"):
        make_synthetic(0)
