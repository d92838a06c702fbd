"""The script that trains the shipped net, at a tiny size: train, evaluate, and train once more."""

import json

import cv2
import numpy as np
import scipy.io

from benchmarks.publishing import net_tables
from benchmarks.training import cpm_lspet
from posemachines import load
from posemachines.datasets import make_synthetic


def save_as_lspet(people, folder):
    """Write photos and labels of a dataset in the layout of LSPET."""
    (folder / "images").mkdir(parents=True)
    for number in range(len(people)):
        cv2.imwrite(str(folder / "images" / f"im{number + 1:05d}.jpg"), people.photo(number)[..., ::-1])
    joints = people.joints.astype(float)
    joints[..., :2] += 1
    scipy.io.savemat(folder / "joints.mat", {"joints": joints.transpose(1, 2, 0)})


def test_trained_once_and_again(tmp_path, monkeypatch):
    narrow = {"stem_width": 8, "feature_width": 8, "coarse_width": 8, "stage_width": 8, "stage_coarse_width": 8}
    monkeypatch.setattr(cpm_lspet, "STAGE", cpm_lspet.STAGE | narrow)
    save_as_lspet(make_synthetic(10, random_state=0), tmp_path / "data")
    common = ["--root", str(tmp_path / "data"), "--train", "6", "--test", "4", "--after", "6", "--stages", "2"]

    def run(name, *more):
        files = tmp_path / f"{name}.safetensors", tmp_path / f"{name}.json"
        outputs = ["--model", str(files[0]), "--output", str(files[1]), "--checkpoint", str(tmp_path / name)]
        assert cpm_lspet.main([*common, *outputs, *more]) == 0
        return *files, json.loads(files[1].read_text(encoding="utf-8"))

    model, file, once = run("once", "--epochs", "1")
    _, _, again = run("again", "--epochs", "2", "--start", str(model), str(file))
    assert [len(training["history"]) for training in once["trainings"]] == [1]
    assert [len(training["history"]) for training in again["trainings"]] == [1, 2]
    assert again["trainings"][0] == once["trainings"][0]
    rates = [training["recipe"]["learning_rate"] for training in again["trainings"]]
    assert rates == [cpm_lspet.RECIPE.learning_rate, cpm_lspet.AGAIN.learning_rate]
    assert [stage["stage"] for stage in again["flip_scales"]["stages"]] == [1, 2]
    assert again["file_bytes"] == (tmp_path / "again.safetensors").stat().st_size
    machine = load(tmp_path / "again.safetensors")
    assert machine.flip
    assert machine.checkpoint is None
    first, second = (load(path).as_network().state_dict() for path in (model, tmp_path / "again.safetensors"))
    largest = max(float((first[name].float() - second[name].float()).abs().max()) for name in first)
    assert 0 < largest < 0.3  # training started from there
    assert "for 1 and 2 epochs" in net_tables.size(again)
    assert sum("cpm_lspet.py" in command for command in net_tables.commands(again)) == 2
    np.testing.assert_array_equal(again["receptive_fields"], once["receptive_fields"])
