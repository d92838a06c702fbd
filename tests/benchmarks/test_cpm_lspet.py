"""The script that trains the shipped net, at a tiny size: train, validate and measure."""

import json
from pathlib import Path

import cv2
import pytest
import scipy.io

from benchmarks.publishing import net_tables
from benchmarks.training import cpm_lspet, shipped
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


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the script on ten people, and returns the files of the model and the result."""
    narrow = {"feature_width": 8, "coarse_width": 8, "stage_width": 8, "stage_coarse_width": 8, "n_blocks": 1}
    monkeypatch.setattr(cpm_lspet, "STAGE", cpm_lspet.STAGE | narrow)
    for name, photos in (("TRAIN", range(1, 7)), ("VALIDATION", range(7, 9)), ("TEST", range(9, 11))):
        monkeypatch.setattr(cpm_lspet, name, photos)
    save_as_lspet(make_synthetic(10, random_state=0), tmp_path / "data")
    monkeypatch.chdir(tmp_path)

    def run(*more):
        assert cpm_lspet.main(["--root", "data", "--stages", "2", "--epochs", "2", "--size", "64", *more]) == 0

    return run


def test_train_validate_and_measure(run, tmp_path, monkeypatch):
    run("--validate")
    validated = json.loads(Path("runs/cpm_lspet.json").read_text(encoding="utf-8"))
    assert not Path("posemachines").exists(), "the shipped machine is kept"
    assert not Path("benchmarks").exists()
    run("--train", "4")
    file, model = Path("benchmarks/results/cpm_lspet.json"), Path("posemachines/pretrained/cpm_lspet.safetensors")
    tested = json.loads(file.read_text(encoding="utf-8"))
    assert (validated["train"], tested["train"]) == (6, 4)
    (training,) = tested["trainings"]
    assert [row["epoch"] for row in training["history"]] == [1, 2]
    assert all({"loss", "pck@0.2"} <= row.keys() for row in training["history"])
    assert training["recipe"]["ema_decay"] == cpm_lspet.RECIPE.ema_decay
    assert [stage["stage"] for stage in tested["flip_scales"]["stages"]] == [1, 2]
    assert (tested["crop"], tested["file_bytes"]) == (64, model.stat().st_size)
    machine = load(model)
    assert (machine.flip, machine.checkpoint, machine.verbose) == (True, None, False)
    assert "for 2 epochs" in net_tables.size(tested)
    assert sum("cpm_lspet.py" in command for command in net_tables.commands(tested)) == 1
    run("--measure")
    again = json.loads(file.read_text(encoding="utf-8"))
    assert again == tested
    assert validated["calibration"] != tested["calibration"], "other people"


def test_each_set_of_people_is_disjoint():
    sets = [set(photos) for photos in (shipped.TRAIN, shipped.VALIDATION, shipped.TEST)]
    assert [len(photos) for photos in sets] == [7000, 1000, 1000]
    assert len(set.union(*sets)) == 9000
