"""The cache of trained machines."""

import json
from dataclasses import replace

import numpy as np
import pytest

from baselines import MeanPose
from posemachines import (
    ConvPoseMachine,
    ConvStage,
    ForestStage,
    JointTraining,
    PoseMachine,
    SequentialMachine,
    StackedTraining,
)
from posemachines.comparison.cache import train, where
from posemachines.datasets import Crops
from posemachines.skeleton import get_skeleton
from posemachines.testing import SKELETON, make_dots


@pytest.fixture(scope="module")
def people():
    images, joints = make_dots(8)
    return Crops(images, joints, np.tile(np.eye(2, 3, dtype=np.float32), (8, 1, 1)))


def forests(**changes):
    settings = {"n_rounds": 2, "max_depth": 2, "n_jobs": 1, "skeleton": SKELETON, "random_state": 0}
    return PoseMachine(2, **settings | changes)


def net(**changes):
    stage = ConvStage(feature_width=8, stem_width=8, network="cpm-lite")
    settings = {"epochs": 1, "device": "cpu", "n_jobs": 1, "skeleton": SKELETON, "random_state": 0}
    return ConvPoseMachine(2, stage=stage, **settings | changes)


def hybrid():
    training = StackedTraining(net=JointTraining(epochs=1))
    stages = [ForestStage(n_rounds=2, max_depth=2), ConvStage(feature_width=8, stem_width=8, network="cpm-lite")]
    return SequentialMachine(stages, training=training, device="cpu", n_jobs=1, skeleton=SKELETON, random_state=0)


@pytest.mark.parametrize("make", [forests, net, hybrid, lambda: MeanPose(skeleton=SKELETON)])
def test_what_was_trained_is_read(make, people, tmp_path, monkeypatch):
    first = train(make(), people, name="one", folder=tmp_path)
    monkeypatch.setattr(type(make()), "fit", None)
    again = train(make(), people, name="one", folder=tmp_path)
    assert again.file == first.file
    assert again.record == first.record
    np.testing.assert_array_equal(again.machine.predict(people.X), first.machine.predict(people.X))
    assert again.machine.skeleton_.parts == get_skeleton(SKELETON, people.y.shape[1]).parts
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".json", ".npz"], "nothing else is left"


def test_record(people, tmp_path):
    record = train(net(), people, name="net", folder=tmp_path).record
    assert record["people"] == 8
    assert record["settings"]["epochs"] == 1
    assert record["cost"]["seconds"] > 0
    assert record["cost"]["cpu_seconds"] > 0
    assert len(record["history"]) == 1
    assert record["interruptions"] == 0


def test_what_matters_makes_another_file(people, tmp_path):
    plain = where(forests(), people, name="a", folder=tmp_path)
    assert where(forests(n_rounds=3), people, name="a", folder=tmp_path) != plain
    assert where(forests(), people[:7], name="a", folder=tmp_path) != plain
    assert where(forests(n_jobs=2), people, name="a", folder=tmp_path) == plain
    assert where(forests().set_params(flip=True), people, name="a", folder=tmp_path) == plain


def test_a_machine_that_is_read_keeps_its_own_parameters(people, tmp_path):
    train(forests(), people, name="a", folder=tmp_path)
    machine = forests(tta_scales=(1.0, 1.5), predict_batch_size=3, n_jobs=2)
    assert train(machine, people, name="a", folder=tmp_path).machine is machine
    assert (machine.tta_scales, machine.predict_batch_size, machine.n_jobs) == ((1.0, 1.5), 3, 2)
    assert machine.predict(people.X).shape == (8, 3, 2)


@pytest.mark.parametrize("make", [forests, net, hybrid])
def test_training_leaves_the_parameters_unchanged(make, people, tmp_path):
    machine = make()
    before = {name: repr(value) for name, value in machine.get_params(deep=False).items()}
    train(machine, people, name="a", folder=tmp_path)
    assert {name: repr(value) for name, value in machine.get_params(deep=False).items()} == before


def test_the_skeleton_of_the_crops_counts(people, tmp_path):
    named = replace(people, skeleton=SKELETON)
    assert where(forests(skeleton=None), named, name="a") == where(forests(), named, name="a")
    assert where(forests(skeleton=None), people, name="a") != where(forests(), people, name="a")
    assert train(forests(skeleton=None), named, name="a", folder=tmp_path).machine.skeleton_ == SKELETON


def test_fresh_trains_anew(people, tmp_path):
    first = train(forests(), people, name="a", folder=tmp_path)
    first.file.with_suffix(".json").write_text(json.dumps(first.record | {"people": 99}))
    assert train(forests(), people, name="a", folder=tmp_path, fresh=True).record["people"] == 8


def test_interrupted_training_resumes(people, tmp_path, monkeypatch):
    fit, calls = ForestStage._fit, []

    def breaks(self, *given):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return fit(self, *given)

    monkeypatch.setattr(ForestStage, "_fit", breaks)
    with pytest.raises(KeyboardInterrupt):
        train(forests(), people, name="a", folder=tmp_path)
    (folder,) = tmp_path.glob("*.stages")
    assert len(list(folder.iterdir())) == 3
    folder.with_suffix(".spent").write_text('{"seconds": 500, "cpu_seconds": 900, "interruptions": 0}')
    resumed = train(forests(), people, name="a", folder=tmp_path)
    assert len(calls) == 4 + 1, "the first three stages were read"
    assert resumed.record["interruptions"] == 1
    assert 500 < resumed.record["cost"]["seconds"] < 560
    assert resumed.record["cost"]["cpu_seconds"] > 900
    monkeypatch.undo()
    whole = train(forests(), people, name="a", folder=tmp_path / "whole")
    np.testing.assert_array_equal(resumed.machine.predict(people.X), whole.machine.predict(people.X))
