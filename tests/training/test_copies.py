import numpy as np
import pytest

from posemachines.skeleton import Skeleton
from posemachines.training.copies import add_copies

SIDES = Skeleton("sides", ("left", "right", "middle"), pairs=(("left", "right"),))
N, HEIGHT, WIDTH = 3, 16, 28


@pytest.fixture
def people():
    """Pictures with a bright dot at each joint, and the joints; the last is not labelled in the first person."""
    rng = np.random.default_rng(0)
    images = np.zeros((N, HEIGHT, WIDTH, 3), np.uint8)
    joints = np.ones((N, 3, 3), np.float32)
    for person in range(N):
        for part, cell in enumerate(rng.choice(3 * 6, 3, replace=False)):
            row, column = 3 + 4 * (cell // 6), 3 + 4 * (cell % 6)
            images[person, row - 1 : row + 2, column - 1 : column + 2, part] = 200
            joints[person, part, :2] = column, row
    joints[0, 2] = 0
    return images, joints


def views(people, **options):
    return add_copies(*people, SIDES, rng=np.random.default_rng(1), **{"n_augmented": 2} | options)


def test_one_view_is_the_people_themselves(people):
    images, joints, who = views(people, n_augmented=1)
    np.testing.assert_array_equal(images, people[0])
    np.testing.assert_array_equal(joints, people[1])
    np.testing.assert_array_equal(who, range(N))


def test_the_second_view_is_the_mirror_image_and_sides_change_places(people):
    images, joints, who = views(people)
    np.testing.assert_array_equal(who, [0, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(images[N:], people[0][:, :, ::-1])
    left, right, middle = people[1].transpose(1, 0, 2)
    np.testing.assert_allclose(joints[N:, 0, 0], WIDTH - 1 - right[:, 0], atol=1e-4)
    np.testing.assert_allclose(joints[N:, 1, 1], left[:, 1], atol=1e-4)
    np.testing.assert_array_equal(joints[N:, 2, 2], middle[:, 2])
    assert not joints[N, 2].any(), "an unlabelled joint stays at 0, 0, 0"


@pytest.mark.parametrize("options", [{"rotation": 40}, {"scale_jitter": 0.2}, {"rotation": 90, "scale_jitter": 0.1}])
def test_joints_move_with_the_picture(people, options):
    images, joints, _ = views(people, n_augmented=5, **options)
    checked = 0
    for image, points, copy in zip(images[N:], joints[N:], np.arange(N, 5 * N), strict=True):
        colour = [1, 0, 2] if copy // N % 2 else [0, 1, 2]
        for part, (x, y, labelled) in enumerate(points):
            if labelled and 2 < x < WIDTH - 3 and 2 < y < HEIGHT - 3:
                assert image[round(float(y)), round(float(x)), colour[part]] > 60
                checked += 1
    assert checked > 10


def test_joints_that_leave_the_crop_are_not_labelled(people):
    _, joints, _ = views(people, n_augmented=9, rotation=90, scale_jitter=1.0)
    lost = joints[N:, :, 2] == 0
    assert lost.sum() > 8, "more than the one that is never labelled, once a copy"
    assert not joints[N:][lost].any()
    kept = joints[N:][~lost]
    assert ((kept[:, :2] >= -0.5) & (kept[:, :2] <= [WIDTH - 0.5, HEIGHT - 0.5])).all()


def test_without_pairs_a_copy_that_would_be_the_same_is_not_made(people):
    plain = Skeleton.unnamed(3)
    assert len(add_copies(*people, plain, n_augmented=3, rng=np.random.default_rng(0))[0]) == N
    assert len(add_copies(*people, plain, n_augmented=3, rotation=5, rng=np.random.default_rng(0))[0]) == 3 * N


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_augmented": 0}, "n_augmented must be"),
        ({"rotation": 200}, "rotation must be"),
        ({"scale_jitter": -1}, "scale_jitter not negative"),
    ],
)
def test_bad_parameters(people, options, message):
    with pytest.raises(ValueError, match=message):
        views(people, **options)
