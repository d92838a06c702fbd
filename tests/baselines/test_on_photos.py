"""Baselines in files and on photos: every row of a comparison's table is a usable machine."""

import numpy as np
import pytest

import posemachines
from baselines import (
    CascadedRegression,
    EncoderDecoderStage,
    MeanPose,
    NearestNeighbourHOG,
    PictorialStructures,
    RidgeHOG,
)
from posemachines import ConvPoseMachine, PoseDataset, PoseMachine
from posemachines.testing import SKELETON, make_dots

BASELINES = {
    "mean": MeanPose(),
    "ridge": RidgeHOG(n_jobs=1),
    "neighbour": NearestNeighbourHOG(n_jobs=1),
    "cascade": CascadedRegression(n_levels=2, n_trees=5),
    "structures": PictorialStructures(PoseMachine(1, n_rounds=1, max_depth=2, n_jobs=1)),
}


@pytest.fixture(scope="module")
def data():
    images, joints = make_dots(24)
    return PoseDataset(list(images), joints, SKELETON, crop_rule="photo")


@pytest.mark.parametrize("name", BASELINES)
def test_loaded_by_the_library_and_used_on_photos(name, data, tmp_path):
    crops = data.crops((48, 64))
    machine = BASELINES[name].fit(crops)
    machine.save(tmp_path / "baseline.npz")
    read = posemachines.load(tmp_path / "baseline.npz")
    assert type(read) is type(machine)
    assert read.crop_record_ == machine.crop_record_
    assert read.crop_record_.rule == "photo"
    assert tuple(read.crop_shape_) == (48, 64)
    np.testing.assert_array_equal(read.predict(crops), machine.predict(crops))
    pose = read.predict_photo(data.photos[0])
    by_dataset = posemachines.inference.predict_dataset(read, data)[0]
    np.testing.assert_allclose(pose.joints[0], by_dataset[0], atol=1e-4)
    assert np.isnan(pose.scores).all()


def test_boxes_are_asked_for(data, tmp_path):
    machine = RidgeHOG(n_jobs=1).fit(data.with_crop_rule("joints").crops(48))
    with pytest.raises(ValueError, match="pass boxes"):
        machine.predict_photo(data.photos[0])


def test_a_net_of_the_baselines_is_read_by_name(data, tmp_path):
    machine = ConvPoseMachine(1, stage=EncoderDecoderStage(), epochs=1, device="cpu", n_jobs=1, random_state=0)
    crops = data.crops(64)
    machine.fit(crops).save(tmp_path / "net.npz")
    read = posemachines.load(tmp_path / "net.npz", device="cpu")
    np.testing.assert_allclose(read.predict(crops.X), machine.predict(crops.X), atol=1e-4)


def test_a_file_that_names_no_baseline(data, tmp_path):
    MeanPose().fit(data.crops(48)).save(tmp_path / "mean.npz")
    with np.load(tmp_path / "mean.npz") as file:
        arrays = {name: file[name] for name in file.files}
    text = arrays["description"].tobytes().replace(b"MeanPose", b"SomeShell")
    np.savez(tmp_path / "other.npz", **(arrays | {"description": np.frombuffer(text, np.uint8)}))
    with pytest.raises(ValueError, match="not a known baseline"):
        posemachines.load(tmp_path / "other.npz")
