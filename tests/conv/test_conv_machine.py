import json

import numpy as np
import pytest
import safetensors
import torch

from posemachines import ConvPoseMachine, load
from posemachines.conv import build_network
from posemachines.skeleton import CPM
from tests.conv.conv_toys import DOTS, draw_dots, tiny_stage


@pytest.fixture(scope="module")
def machine(dots):
    stage = tiny_stage(precision="float32", epochs=1)
    return ConvPoseMachine(2, stage=stage, skeleton=DOTS, random_state=0, batch_size=16).fit(*dots)


@pytest.fixture(scope="module")
def published():
    """Net A of two stages, as if its weights had been read."""
    torch.manual_seed(0)
    network = build_network("cvpr", n_maps=15, n_stages=3, caffe_compatible=True)
    network.initialise("he")
    return ConvPoseMachine._of_network(network, None, crop_size=368)


def test_a_safetensors_file_gives_the_same_machine(machine, dots, tmp_path):
    machine.save(tmp_path / "machine.safetensors")
    loaded = load(tmp_path / "machine.safetensors")
    assert np.array_equal(loaded.predict_beliefs(dots[0]), machine.predict_beliefs(dots[0]))
    assert loaded.crop_size_ == machine.crop_size_ == 20
    assert loaded.stages_[0].history_ == machine.stages_[0].history_
    with safetensors.safe_open(tmp_path / "machine.safetensors", framework="numpy") as file:
        description = json.loads(file.metadata()["machine"])
        keys = [*file.keys()]
    assert description["class"] == "ConvPoseMachine"
    names = [name for stage in description["stages"] for name in stage["arrays"]]
    assert len(keys) < len(names), "the trunk is stored once"


def test_half_precision_halves_the_file_and_hardly_changes_beliefs(machine, dots, tmp_path):
    machine.save(tmp_path / "whole.safetensors")
    machine.save(tmp_path / "half.safetensors", half=True)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.7 * sizes[0]
    loaded = load(tmp_path / "half.safetensors")
    assert np.allclose(loaded.predict_beliefs(dots[0]), machine.predict_beliefs(dots[0]), atol=0.02)
    assert next(loaded.network().parameters()).dtype == torch.float32


@pytest.mark.parametrize("damage", [lambda data: data[:50], lambda data: data[:-9], lambda data: b"\xff" * 400])
def test_a_damaged_safetensors_file_is_refused(machine, tmp_path, damage):
    path = tmp_path / "machine.safetensors"
    machine.save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="is not a machine's file, or is damaged"):
        load(path)


def test_weights_of_another_network_are_refused(machine, tmp_path):
    path = tmp_path / "machine.safetensors"
    machine.save(path)
    data = path.read_bytes()
    changed = data.replace(b'\\"stage_width\\": 16', b'\\"stage_width\\": 12')
    assert changed != data
    path.write_bytes(changed)
    with pytest.raises(ValueError, match="not the weights of this ConvStage"):
        load(path)


def test_the_network_of_a_machine_is_the_machine(machine, dots):
    images = dots[0][:5]
    network = machine.network()
    assert len(network.trunks) == 1
    with torch.inference_mode():
        staged = network(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 256 - 0.5)
    for ours, theirs in zip(machine.staged_beliefs(images), staged, strict=True):
        assert np.allclose(ours, theirs, atol=1e-5)


def test_a_published_net_predicts_through_the_library(published):
    assert published.skeleton_ == CPM
    assert published.stride_ == 8
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 80, 3), np.uint8)
    network = published.network()
    assert len(network.trunks) == 2
    with torch.inference_mode():
        staged = network(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 256 - 0.5)
    for ours, theirs in zip(published.staged_beliefs(images), staged, strict=True):
        assert ours.shape == (2, 15, 8, 10)
        assert np.allclose(ours, theirs, atol=1e-4)
    assert published.size()["parameters"] == sum(weight.numel() for weight in network.parameters())
    assert published.stages_[2].size()["parameters"] < published.stages_[1].size()["parameters"]


def test_a_published_net_is_saved_and_loaded(published, tmp_path):
    published.save(tmp_path / "net.safetensors")
    loaded = load(tmp_path / "net.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
    assert np.allclose(loaded.predict_beliefs(images), published.predict_beliefs(images), atol=1e-6)
    assert loaded.stages_[1].caffe_compatible


def test_training_goes_on_from_a_trained_machine(machine, dots, caplog):
    images, joints = dots
    frozen = tiny_stage(epochs=1, learning_rate=1e-12, precision="float32")
    again = ConvPoseMachine(2, stage=frozen, skeleton=DOTS, random_state=1).fit(images, joints, start=machine)
    assert np.allclose(again.predict_beliefs(images), machine.predict_beliefs(images), atol=5e-3)
    fewer = ConvPoseMachine(2, stage=frozen, random_state=1)
    with caplog.at_level("INFO", logger="posemachines.conv.stage"):
        fewer.fit(images, joints[:, :2], start=machine)
    assert "begun anew, since their shapes differ: heads.0.beliefs.weight" in caplog.text
    ours, theirs = (one.network().trunks[0].stem[0].weight for one in (machine, fewer))
    assert torch.allclose(ours, theirs, atol=1e-3)
    wider = ConvPoseMachine(2, stage=tiny_stage(stage_width=20), skeleton=DOTS)
    with pytest.raises(ValueError, match="start has the network"):
        wider.fit(images, joints, start=machine)


@pytest.mark.parametrize("stages", ["last", "all"])
def test_onnx_runtime_reproduces_the_beliefs(machine, tmp_path, stages):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    images, _ = draw_dots(5, seed=3)
    machine.export_onnx(tmp_path / "machine.onnx", size=images.shape[1:3], stages=stages)
    session = onnxruntime.InferenceSession(tmp_path / "machine.onnx")
    found = session.run(None, {"images": images})
    staged = list(machine.staged_beliefs(images))[-1 if stages == "last" else 0 :]
    assert len(found) == len(staged)
    for ours, theirs in zip(staged, found, strict=True):
        assert np.abs(ours - theirs).max() < 1e-4
    assert [path.name for path in tmp_path.iterdir()] == ["machine.onnx"]


def test_onnx_runtime_reproduces_net_a(published, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    images = np.random.default_rng(0).integers(0, 256, (1, 48, 64, 3), np.uint8)
    published.export_onnx(tmp_path / "net.onnx", size=(48, 64))
    (beliefs,) = onnxruntime.InferenceSession(tmp_path / "net.onnx").run(None, {"images": images})
    assert np.abs(beliefs - published.predict_beliefs(images)).max() < 1e-4


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"size": 21}, "multiples of 4"), ({"size": 20, "stages": "first"}, "stages must be 'last' or 'all'")],
)
def test_graphs_that_cannot_be_written(machine, tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        machine.export_onnx(tmp_path / "machine.onnx", **settings)


def test_compiled_stages_predict_the_same(machine, dots):
    import copy

    compiled = copy.deepcopy(machine)
    for stage in compiled.stages_:
        stage.set_params(compile="eager")
    assert np.allclose(compiled.predict_beliefs(dots[0][:3]), machine.predict_beliefs(dots[0][:3]), atol=1e-5)
    assert set(compiled.stages_[0]._compiled) == {"trunk", "head"}
    assert not copy.deepcopy(compiled).stages_[0]._compiled


@pytest.mark.slow
def test_the_default_compiler_predicts_the_same(machine, dots):
    import copy

    compiled = copy.deepcopy(machine)
    for stage in compiled.stages_:
        stage.set_params(compile=True)
    assert np.allclose(compiled.predict_beliefs(dots[0][:3]), machine.predict_beliefs(dots[0][:3]), atol=1e-4)
