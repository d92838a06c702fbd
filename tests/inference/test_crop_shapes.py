"""Crops that are not square: training, prediction on crops and photos, test-time augmentation, files."""

import numpy as np
import pytest

import posemachines
from posemachines import ConvPoseMachine, ForestStage, PoseMachine
from posemachines.geometry import to_photo
from posemachines.inference import photo_beliefs, predict_dataset, predict_photo
from posemachines.skeleton import Skeleton

from ..toys import dotted
from .finders import small_subjects
from .test_photos import Spotter, far

DOTS = Skeleton("dots", ("red", "green", "blue"), pairs=(("red", "green"),))
CENTRE, SIZE = (105.5, 87.5), 70.0


@pytest.mark.parametrize("shape", [(48, 96), (96, 48), (64, 80)])
@pytest.mark.parametrize("options", [{}, {"flip": True}, {"tta_scales": (0.9, 1.0, 1.1)}, {"protocol": "cpm2016"}])
def test_joints_return_to_the_photo(shape, options):
    machine = Spotter()
    machine.crop_size_ = machine.crop_shape_ = shape
    size = SIZE * max(shape) / min(shape)  # longer side of a frame that encloses a square subject
    joints, scores = predict_photo(machine, dotted(), CENTRE, size, **options)
    assert far(joints) < 1.2
    assert scores.min() > 0.5
    assert {height for *_, (_, height) in machine.asked} == {shape[0]}


def test_beliefs_of_a_wide_crop_cover_what_it_shows():
    maps, (x, y) = photo_beliefs(Spotter(), dotted(), (105.5, 88), 150.0, size=(60, 120), padding=1.0)
    assert maps.shape == (4, 75, 150)
    assert (x, y) == (31, 51)
    places = [np.unravel_index(part.argmax(), part.shape) for part in maps[:3]]
    found = np.array([(column + x, row + y) for row, column in places])
    assert far(found) < 1.5


def test_a_size_that_the_stride_does_not_divide():
    with pytest.raises(ValueError, match=r"size \(42, 80\) is not a multiple of .* stride 4; pass size=\(40, 80\)"):
        predict_photo(Spotter(), dotted(), CENTRE, SIZE, size=(42, 80))


def test_datasets_are_cut_in_any_shape():
    people = small_subjects(5)
    crops = people.crops((48, 80))
    assert crops.X.shape == (5, 48, 80, 3)
    assert "48 x 80 px" in repr(crops)
    np.testing.assert_allclose(to_photo(crops.y[..., :2], crops.transforms), people.joints[..., :2], atol=1e-3)
    span = crops.y[..., :2].max(1) - crops.y[..., :2].min(1)
    filled = span * people.padding / np.array([80, 48])
    np.testing.assert_allclose(filled.max(1), 1, rtol=1e-4)
    assert (crops[1:3].extent == people.extent[1:3]).all()
    with pytest.raises(ValueError, match="size must be a positive integer of pixels"):
        people.crops((48, 0))


@pytest.mark.parametrize(
    "machine",
    [
        PoseMachine(2, stage=ForestStage(n_rounds=3, min_samples_leaf=3), crop_size=(32, 64), random_state=0, n_jobs=1),
        ConvPoseMachine(
            2, epochs=2, batch_size=4, crop_size=(32, 64), random_state=0, device="cpu", n_jobs=1, network="cpm-lite"
        ),
    ],
    ids=["forest", "net"],
)
def test_machines_of_wide_crops(machine, tmp_path):
    people = small_subjects(12)
    people.skeleton = DOTS
    machine.set_params(flip=True).fit(people)
    assert machine.crop_shape_ == machine.crop_size_ == (32, 64)
    joints, scores = predict_dataset(machine, people)
    assert joints.shape == (12, 3, 2)
    machine.save(tmp_path / "wide.npz")
    loaded = posemachines.load(tmp_path / "wide.npz")
    again, theirs = predict_dataset(loaded, people)
    np.testing.assert_allclose(again, joints, atol=1e-3)
    np.testing.assert_allclose(theirs, scores, atol=1e-4)
    pose = loaded.predict_photo(people.photo(0), joints=people.joints[0])
    np.testing.assert_allclose(pose.joints[0], joints[0], atol=0.1)
    with pytest.raises(ValueError, match=r"trained on 32 x 64 px; cut them with dataset.crops\(\(32, 64\)\)"):
        loaded.predict(people.crops(64))
