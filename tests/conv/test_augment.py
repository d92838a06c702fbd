import math

import pytest
import torch

from posemachines.conv.trainer.augment import (
    Motion,
    draw_motion,
    jitter_colours,
    move_beliefs,
    move_images,
    move_joints,
)
from posemachines.conv.trainer.targets import gaussian_targets

ORDER = torch.tensor([1, 0, 2])
NO_SWAP = torch.tensor([0, 1, 2])


def motions(n, shape, seed=0, **settings):
    settings = {"rotation": 40.0, "scale_jitter": (0.8, 1.25), "shift": 0.1, "flip": True} | settings
    return draw_motion(n, shape, generator=torch.Generator().manual_seed(seed), **settings)


def peak(maps):
    """Centre of mass of each map."""
    rows, columns = torch.meshgrid(*(torch.arange(size) for size in maps.shape[-2:]), indexing="ij")
    weight = maps / maps.sum((-2, -1), keepdim=True)
    return torch.stack([(weight * columns).sum((-2, -1)), (weight * rows).sum((-2, -1))], dim=-1)


def joints_in_the_middle(n, shape, seed=1):
    places = torch.rand(n, 3, 2, generator=torch.Generator().manual_seed(seed)) - 0.5
    joints = torch.ones(n, 3, 3)
    joints[..., 0] = shape[1] / 2 + 0.4 * shape[1] * places[..., 0]
    joints[..., 1] = shape[0] / 2 + 0.4 * shape[0] * places[..., 1]
    return joints


def test_joints_move_with_the_pixels():
    shape = (96, 128)
    joints, motion = joints_in_the_middle(16, shape), motions(16, shape)
    dots = gaussian_targets(joints, shape, stride=1, sigma=2.0)[:, :3]
    moved = move_joints(joints, motion, NO_SWAP, shape)
    assert (moved[..., 2] == 1).all()
    assert (peak(move_images(dots, motion)) - moved[..., :2]).abs().max() < 0.05


def test_beliefs_move_as_joints_do_and_sides_are_exchanged():
    shape, stride = (128, 160), 4
    joints, motion = joints_in_the_middle(16, shape), motions(16, shape)
    assert motion.flipped.any()
    assert not motion.flipped.all()
    grid = shape[0] // stride, shape[1] // stride
    beliefs = gaussian_targets(joints, grid, stride=stride, sigma=8.0)
    moved = move_beliefs(beliefs, motion, ORDER, stride=stride)
    pixels = peak(moved[:, :3]) * stride + (stride - 1) / 2
    assert (pixels - move_joints(joints, motion, ORDER, shape)[..., :2]).abs().max() < 0.5


def test_a_mirrored_crop_has_mirrored_columns_and_swapped_sides():
    shape = (8, 12)
    motion = Motion(torch.tensor([[[-1.0, 0, shape[1] - 1], [0, 1, 0]]]), torch.tensor([True]))
    images = torch.rand(1, 3, *shape)
    assert torch.allclose(move_images(images, motion), images.flip(-1), atol=1e-5)
    joints = torch.tensor([[[1.0, 2, 1], [3, 4, 1], [0, 0, 0]]])
    expected = torch.tensor([[[8.0, 4, 1], [10, 2, 1], [0, 0, 0]]])
    assert torch.equal(move_joints(joints, motion, ORDER, shape), expected)
    beliefs = torch.rand(1, 4, 2, 3)
    moved = move_beliefs(beliefs, motion, ORDER, stride=4)
    assert torch.allclose(moved, beliefs[:, [1, 0, 2, 3]].flip(-1), atol=1e-5)


def test_outside_the_crop_is_grey_and_background():
    motion = Motion(torch.tensor([[[1.0, 0, 8], [0, 1, 0]]]), torch.tensor([False]))
    assert torch.equal(move_images(torch.ones(1, 3, 8, 16), motion)[..., :8], torch.zeros(1, 3, 8, 8))
    moved = move_beliefs(torch.full((1, 4, 2, 4), 0.25), motion, NO_SWAP, stride=4)
    assert torch.allclose(moved[:, :3, :, :2], torch.zeros(1, 3, 2, 2))
    assert torch.allclose(moved[:, 3, :, :2], torch.ones(1, 2, 2))
    assert torch.allclose(moved[:, :, :, 2:], torch.full((1, 4, 2, 2), 0.25))


def test_joints_that_leave_the_crop_become_unlabelled():
    motion = Motion(torch.tensor([[[1.0, 0, 10], [0, 1, 0]]]), torch.tensor([False]))
    joints = torch.tensor([[[5.0, 2, 1], [15.5, 2, 1], [3, 3, 0]]])
    moved = move_joints(joints, motion, NO_SWAP, (12, 20))
    assert torch.equal(moved, torch.tensor([[[15.0, 2, 1], [0, 0, 0], [0, 0, 0]]]))


def test_motions_stay_within_their_ranges():
    motion = motions(500, (100, 60), rotation=30.0, scale_jitter=(0.5, 2.0), shift=0.1)
    linear = motion.matrix[:, :, :2]
    scale = torch.linalg.det(linear).abs().sqrt()
    assert scale.min() > 0.5 - 1e-4
    assert scale.max() < 2 + 1e-4
    assert scale.min() < 0.6
    assert scale.max() > 1.8
    angle = torch.atan2(-linear[:, 0, 1], linear[:, 1, 1]).abs().rad2deg()
    largest = 30 * math.degrees(math.atan(60 / 100)) / 45  # the crop is not square
    assert 0.85 * largest < angle.max() <= largest + 1e-3
    centre = torch.tensor([29.5, 49.5, 1.0])
    assert (motion.matrix @ centre - centre[:2]).abs().max() <= 6 + 1e-3
    assert torch.equal(torch.linalg.det(linear) < 0, motion.flipped)
    assert 0.4 < motion.flipped.float().mean() < 0.6


@pytest.mark.parametrize(("shape", "largest"), [((64, 64), 40.0), ((64, 256), 12.5), ((96, 48), 23.7)])
def test_elongated_crops_turn_less(shape, largest):
    """By 40 degrees, the ends of an elongated subject would leave the crop."""
    matrix = motions(500, shape, rotation=40.0, scale_jitter=(1.0, 1.0), shift=0.0, flip=False).matrix
    angles = torch.rad2deg(torch.atan2(matrix[:, 1, 0], matrix[:, 0, 0]))
    assert 0.9 * largest < angles.abs().max() <= largest


def test_the_mean_of_a_linear_scale_is_in_the_middle():
    means = {}
    for law in ("log", "linear"):
        motion = motions(2000, (20, 28), scale_jitter=(0.5, 2.0), scale_law=law)
        means[law] = torch.linalg.det(motion.matrix[:, :, :2]).abs().sqrt().mean()
    assert means["linear"] == pytest.approx(1.25, abs=0.03)
    assert means["log"] == pytest.approx(1.5 / math.log(4), abs=0.03)


def test_motion_and_its_inverse_cancel():
    motion = motions(8, (20, 28))
    ones = torch.tensor([[0.0, 0, 1]]).expand(8, 1, 3)
    whole = torch.cat([motion.matrix, ones], 1) @ torch.cat([motion.inverse(), ones], 1)
    assert torch.allclose(whole, torch.eye(3).expand(8, 3, 3), atol=1e-4)


@pytest.mark.parametrize("flip", [False, True])
def test_no_motion_changes_nothing(flip):
    motion = motions(4, (20, 28), rotation=0.0, scale_jitter=(1.0, 1.0), shift=0.0, flip=flip)
    images = torch.rand(4, 3, 20, 28)
    expected = torch.where(motion.flipped[:, None, None, None], images.flip(-1), images)
    assert torch.allclose(move_images(images, motion), expected, atol=1e-4)
    assert flip or not motion.flipped.any()


def test_colours_change_by_at_most_the_given_amount():
    images = torch.rand(64, 3, 4, 4) - 0.5
    chances = torch.rand(64, 5, 1, 1, generator=torch.Generator().manual_seed(0))
    changed = jitter_colours(images, 0.2, chances)
    assert changed.shape == images.shape
    assert 0.05 < (changed - images).abs().max() <= 0.5 * 0.44 + 0.1 + 1e-6
    assert torch.equal(jitter_colours(images, 0.0, chances), images)
    assert math.isclose(images.mean(), changed.mean(), abs_tol=0.05)
