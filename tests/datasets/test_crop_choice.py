"""Crop rules and shapes that suit the data, and the reasons."""

import numpy as np
import pytest

from posemachines import PoseDataset
from posemachines.datasets.crop_choice import choose_crop_rule, choose_crop_shape


def subjects(width, height, *, span=(0.8, 0.8), moves=0.0, n=30, sides=1.0, seed=0, **settings):
    """Blank photos of a size, with joints that span a share of them, at a place that moves by a share."""
    rng = np.random.default_rng(seed)
    photo = np.zeros((height, width, 3), np.uint8)
    half = np.array([width, height]) * span / 2
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half * rng.uniform(sides, 1, (n, 1, 1))
    middle = np.array([width, height]) / 2 + rng.uniform(-moves, moves, (n, 1, 2)) * np.array([width, height])
    return PoseDataset([photo.copy() for _ in range(n)], corners + middle - 0.5, **settings)


@pytest.mark.parametrize(
    ("data", "rule", "reason"),
    [
        (subjects(1340, 1671, span=(0.6, 0.7)), "photo", "fills 70% of the photo"),  # X-rays
        (subjects(600, 135, span=(0.85, 0.8), moves=0.03), "photo", "fills 8"),  # cut-out fish
        (
            subjects(640, 480, span=(0.15, 0.15), moves=0.4),
            "located",
            "the subject's place varies",
        ),  # mouse in an arena
        (subjects(640, 480, span=(0.3, 0.3)), "located", "fills only 30%"),
        (subjects(320, 240, span=(0.45, 0.4)), "photo", "fills 45%"),  # ultrasound: small photos are seen whole
        (subjects(640, 480, span=(0.45, 0.4)), "located", "fills only 45%"),
    ],
)
def test_rules(data, rule, reason):
    choice = choose_crop_rule(data)
    assert choice.rule == rule
    assert reason in choice.reason
    assert choice.padding is None


def test_several_subjects_need_boxes():
    data = subjects(200, 100, n=6)
    data.photos = data.photos[:3] * 2
    assert choose_crop_rule(data).rule == "joints"
    assert "box around the landmarks of each is needed in new photos" in choose_crop_rule(data).reason
    boxed = data.with_crop_rule("box", boxes=[[10, 10, 50, 50]] * 6)
    assert choose_crop_rule(boxed).rule == "box"
    boxed.boxes[2] = np.nan
    assert choose_crop_rule(boxed).rule == "joints"


def test_nothing_labelled():
    with pytest.raises(ValueError, match="no subject of 'subjects' has a labelled landmark"):
        choose_crop_rule(PoseDataset([np.zeros((9, 9, 3), np.uint8)], np.zeros((1, 3, 3)), crop_rule="photo"))


@pytest.mark.parametrize(
    ("data", "rule", "shape"),
    [
        (subjects(1340, 1671), "photo", (288, 224)),
        (subjects(603, 135), "photo", (64, 256)),
        (subjects(320, 240), "photo", (96, 128)),
        (subjects(400, 400), "photo", (160, 160)),
        (subjects(640, 480, span=(0.16, 0.16)), "located", (96, 96)),
        (subjects(900, 300, span=(0.9, 0.7)), "joints", (80, 320)),
        (subjects(64, 50), "photo", (48, 64)),
    ],
)
def test_shapes(data, rule, shape):
    chosen = choose_crop_shape(data, rule)
    assert chosen.shape == shape
    assert chosen.photo_px >= 1 or max(shape) <= 64, "photos are not enlarged"
    assert f"{chosen.photo_px:.2g} px of the photo" in chosen.reason
    framed = data if rule == data.crop_rule else data.with_crop_rule("joints" if rule == "located" else rule)
    zoom = framed.crops(chosen.shape).transforms[:, 0, 0]
    assert 1 / np.median(zoom) == pytest.approx(chosen.photo_px, abs=0.01)


def test_limits_of_shapes():
    data = subjects(1340, 1671)
    assert np.prod(choose_crop_shape(data, "photo", budget=128 * 128).shape) <= 128 * 128
    assert all(side % 32 == 0 for side in choose_crop_shape(data, "photo", stride=32).shape)
    assert "larger crops would be finer" in choose_crop_shape(data, "photo").reason
    with pytest.raises(ValueError, match="needs a data set with boxes"):
        choose_crop_shape(data, "box")
    with pytest.raises(ValueError, match="not cropped by the rule 'cpm', but by 'joints'"):
        choose_crop_shape(data, "cpm")


def test_subjects_in_all_directions_get_square_crops(rng):
    data = subjects(600, 600, span=(0.5, 0.1), n=40)
    turned = rng.random(40) < 0.5
    data.joints[turned, :, :2] = data.joints[turned, :, 1::-1]
    height, width = choose_crop_shape(PoseDataset(data.photos, data.joints)).shape
    assert height == width
