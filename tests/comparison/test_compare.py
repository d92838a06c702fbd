"""One call that trains, measures and compares machines."""

import json

import numpy as np
import pytest

import posemachines
from baselines import MeanPose
from posemachines import ConvPoseMachine, ConvStage, PoseMachine, load_dataset
from posemachines.comparison import compare, machines
from posemachines.comparison.table import table
from posemachines.datasets import make_synthetic
from tests.datasets.formats import save_everything


def forest(**changes):
    return PoseMachine(**{"n_stages": 2, "n_rounds": 2, "max_depth": 3, "n_jobs": 1, "random_state": 0} | changes)


def net(**changes):
    stage = ConvStage(
        stem_width=8, feature_width=8, coarse_width=8, stage_width=8, stage_coarse_width=8, network="cpm-lite"
    )
    settings = {"n_stages": 2, "stage": stage, "epochs": 1, "device": "cpu", "n_jobs": 1, "random_state": 0}
    return ConvPoseMachine(**settings | changes)


@pytest.fixture(scope="module")
def crops():
    data = make_synthetic(20, random_state=0)
    return data[:14].crops(64, n_jobs=1), data[14:].crops(64, n_jobs=1)


def test_the_example_of_the_documentation(tmp_path):
    _, files = save_everything(tmp_path)
    data = load_dataset(files["coco"], images=tmp_path / "images")
    train, test = data.split(test=0.2, random_state=0)
    report = compare({"forest": forest(), "net": net()}, train, test, n_timed=2, n_examples=4)
    page = report.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    assert list(report.data["machines"]) == ["mean", "forest", "net"]
    assert "Mean pose" in page
    assert report.data["finished"]
    assert report.data["dataset"]["test"] == len(test) == 8
    assert len(report.data["differences"]) == 2 * 3
    assert report.summary().endswith((".", ")."))


def test_machines_are_fitted_as_by_hand(crops):
    train, test = crops
    one, two = forest(), net()
    report = compare({"forest": one, "net": two}, train, test, n_timed=1, n_examples=2)
    by_hand = {"forest": forest().fit(train), "net": net().fit(train)}
    for name, machine in (("forest", one), ("net", two)):
        np.testing.assert_array_equal(machine.predict(test.X), by_hand[name].predict(test.X))
        found = posemachines.evaluate(by_hand[name], test, training=train)
        stages = report.data["machines"][name]["accuracy"]["stages"]
        assert [stage["pck"]["0.2"] for stage in stages] == [stage.pck[0.2] for stage in found.stages]
    assert report.data["machines"]["net"]["cost"]["training_seconds"] > 0
    assert len(report.data["machines"]["net"]["history"]) == 1


def test_fitted_machines_are_not_trained_again(crops, monkeypatch):
    train, test = crops
    ready = forest().fit(train)
    monkeypatch.setattr(PoseMachine, "fit", None)
    report = compare({"forest": ready}, train, test, n_timed=1, n_examples=2, labels={"forest": "Random forests"})
    entry = report.data["machines"]["forest"]
    assert entry["label"] == "Random forests"
    assert entry["cost"]["training_seconds"] is None
    assert " - " in table(report.data)


def test_output_and_cache(crops, tmp_path, monkeypatch):
    train, test = crops
    folders = {"output": tmp_path / "report", "cache": tmp_path / "trained"}
    first = compare({"my net": net()}, train, test, n_timed=1, n_examples=2, name="drawn", **folders)
    written = {file.name for file in folders["output"].iterdir()}
    assert {"report.json", "report.html", "report.md", "my-net.npz", "mean.npz", "stages.png"} <= written
    content = json.loads((folders["output"] / "report.json").read_text())
    assert content["dataset"]["name"] == "drawn"
    assert content["machines"]["my net"]["cost"]["file_bytes"] == (folders["output"] / "my-net.npz").stat().st_size
    saved = posemachines.load(folders["output"] / "my-net.npz")
    monkeypatch.setattr(ConvPoseMachine, "fit", None)
    machine = net()
    again = compare({"my net": machine}, train, test, n_timed=1, n_examples=2, **folders)
    assert again.data["machines"]["my net"]["accuracy"] == first.data["machines"]["my net"]["accuracy"]
    np.testing.assert_array_equal(machine.predict(test.X), saved.predict(test.X))
    with pytest.raises(TypeError):  # fit is None: it is trained anew
        compare({"my net": net()}, train, test, fresh=True, **folders)


def test_machines_with_crops_of_different_sizes():
    data = make_synthetic(16, random_state=1)
    both = {"small": forest(crop_size=64), "large": forest(crop_size=96)}
    report = compare(both, data[:12], data[12:], n_timed=1, n_examples=2)
    assert [machine.crop_size_ for machine in both.values()] == [64, 96]
    assert report.data["machines"]["large"]["accuracy"]["n_people"] == 4


@pytest.mark.parametrize("given", [["forest", "one-stage"], "pm"])
def test_machines_by_name(crops, given, monkeypatch):
    build = machines.build
    monkeypatch.setattr(
        "posemachines.comparison.comparing.build",
        lambda *each, **more: build(*each, stages=2, rounds=1, epochs=1, **more),
    )
    train, test = crops
    report = compare(given, train, test, n_timed=1, n_examples=2)
    names = [given] if isinstance(given, str) else given
    assert list(report.data["machines"]) == ["mean", *names]
    assert report.data["machines"][names[0]]["label"] == "Pose Machine (forest)"


def test_without_the_package_of_baselines(crops, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(machines, "_baseline", missing)
    assert not machines.has_baselines()
    assert machines.installed() == ["pm", "pm-pretrained", "cpm", "cpm-lite", "hybrid", "reverse", "one-stage"]
    train, test = crops
    report = compare({"forest": forest(n_stages=1)}, train, test, n_timed=1, n_examples=2)
    assert list(report.data["machines"]) == ["forest"]
    with pytest.raises(ImportError, match="ridge needs the package baselines"):
        compare(["ridge"], train, test)


def test_baselines_are_compared_like_machines(crops):
    train, test = crops
    report = compare({"mean": MeanPose(), "forest": forest(n_stages=1)}, train, test, n_timed=1, n_examples=2)
    assert list(report.data["machines"]) == ["mean", "forest"]
    assert report.data["machines"]["mean"]["kinds"] == []


def test_every_known_machine_is_built(crops):
    train, _ = crops
    for name in machines.installed():
        machine = machines.build(name, train.skeleton, len(train), rounds=2, epochs=2, seed=3)
        assert machine.skeleton == train.skeleton
    hybrid = machines.build("hybrid", train.skeleton, 4000, stages=3, rounds=7, device="cpu", jobs=2, flip=True)
    assert [type(stage).__name__ for stage in hybrid.stages] == ["ForestStage", "ForestStage", "ConvStage"]
    assert [stage.n_rounds for stage in hybrid.stages[:2]] == [7, 7]
    assert (hybrid.training.n_augmented, hybrid.training.net.epochs) == (2, 5)  # half of 10
    assert (hybrid.device, hybrid.n_jobs, hybrid.flip) == ("cpu", 2, True)
    net, lite = (machines.build(name, None, 200) for name in ("net", "cpm-lite"))
    assert (net.network, net.epochs, lite.network) == ("cpm-pretrained", "auto", "cpm-lite")
    assert machines.build("pm-pretrained", None, 200).features == "efficientnet-lite0"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "machines is empty"),
        ([], "machines is empty"),
        (["tree"], "no machine is called 'tree'; known are forest, net, mean"),
    ],
)
def test_bad_machines(crops, given, message):
    with pytest.raises(ValueError, match=message):
        compare(given, *crops)


def test_bad_data(crops):
    train, test = crops
    with pytest.raises(ValueError, match="train must be a PoseDataset or Crops; got tuple"):
        compare({"forest": forest()}, (train.X, train.y), test)
    fewer = make_synthetic(4).select_parts([0, 1, 2]).crops(64)
    with pytest.raises(ValueError, match="give data of the same landmarks"):
        compare({"forest": forest()}, train, fewer)
