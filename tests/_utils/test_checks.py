"""Joints of another frame than their images are recognised; sane ones are let through."""

import numpy as np
import pytest

from posemachines._utils.checks import check_joint_frame
from posemachines.testing import make_dots


@pytest.fixture
def joints(rng):
    """Ten subjects in crops of 40 x 64 px (height x width), some joints unlabelled."""
    joints = np.concatenate([rng.uniform(0, 63, (10, 5, 1)), rng.uniform(0, 39, (10, 5, 1)), np.ones((10, 5, 1))], -1)
    joints[0, 1] = np.nan, np.nan, 0
    return joints


@pytest.mark.parametrize("moved", [0, -30, 30])
def test_sane_joints_pass(joints, moved):
    joints[..., 0] += moved  # up to about half of them outside
    check_joint_frame(joints, (40, 64))
    check_joint_frame(joints, np.tile([40, 64], (10, 1)))


def test_toys_pass():
    images, joints = make_dots(40)
    check_joint_frame(joints, images.shape[1:3])
    check_joint_frame(np.zeros((3, 2, 3)), (20, 28))  # nothing labelled
    check_joint_frame(np.ones((3, 2, 3)), (20, 28))
    check_joint_frame(np.full((1, 3, 3), 900.0), (20, 28))  # too few to say anything


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda joints: joints / [64, 40, 1], r"normalised to 0\.\.1 \(x 0"),
        (lambda joints: joints * [1, 0.3, 1] + [90, 0, 0], "100% of the labelled joints .* pixels of the photo"),
        (lambda joints: joints[..., [1, 0, 2]] * [1, 0.4, 1] + [0, 38, 0], r"\(y, x\).*pass x first"),
        (lambda joints: joints - [200, 0, 0], "outside a crop"),
    ],
)
def test_what_they_look_like_is_named(joints, spoil, message):
    with pytest.raises(ValueError, match=message):
        check_joint_frame(spoil(joints), (40, 64))


def test_each_photo_has_its_size(joints):
    sizes = np.tile([400, 640], (10, 1))
    check_joint_frame(joints * [10, 10, 1], sizes, what="photo")
    with pytest.raises(ValueError, match=r"lie outside their photos .* labels and photos belong together"):
        check_joint_frame(joints * [10, 10, 1] + [700, 0, 0], sizes, what="photo")
