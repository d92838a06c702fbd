import copy
import json

import numpy as np
import pytest
import safetensors
import torch

from posemachines import ConvPoseMachine, load
from posemachines.conv import build_network
from posemachines.skeleton import CPM, Skeleton
from tests.conv.conv_toys import tiny_machine
from tests.toys import draw_dots


@pytest.fixture(scope="module")
def machine(dots):
    return tiny_machine(precision="float32", epochs=1, predict_batch_size=16).fit(*dots)


@pytest.fixture(scope="module")
def published():
    """Net A with three stages and random weights, as if read from a file; for crops of 64 px."""
    torch.manual_seed(0)
    network = build_network("cpm", n_maps=15, n_stages=3, caffe_compatible=True)
    network.initialise("he")
    return ConvPoseMachine._of_network(network, None, crop_size=64)


def test_a_safetensors_file_gives_the_same_machine(machine, dots, tmp_path):
    machine.save(tmp_path / "machine.safetensors")
    loaded = load(tmp_path / "machine.safetensors", device="cpu", precision="float32")
    assert np.array_equal(loaded.predict_beliefs(dots[0]), machine.predict_beliefs(dots[0]))
    assert loaded.crop_size_ == machine.crop_size_ == (20, 28)
    assert loaded.stages_[0].history_ == machine.stages_[0].history_
    with safetensors.safe_open(tmp_path / "machine.safetensors", framework="numpy") as file:
        description = json.loads(file.metadata()["machine"])
        keys = [*file.keys()]
    assert description["class"] == "ConvPoseMachine"
    names = [name for stage in description["stages"] for name in stage["arrays"]]
    assert len(keys) < len(names), "the shared trunk should be stored once"


def test_half_precision_halves_the_file_and_barely_changes_beliefs(machine, dots, tmp_path):
    machine.save(tmp_path / "whole.safetensors")
    machine.save(tmp_path / "half.safetensors", half=True)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.7 * sizes[0]
    loaded = load(tmp_path / "half.safetensors")
    assert np.allclose(loaded.predict_beliefs(dots[0]), machine.predict_beliefs(dots[0]), atol=0.02)
    assert next(loaded.as_network().parameters()).dtype == torch.float32


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


def test_the_network_of_a_machine_predicts_the_same(machine, dots):
    images = dots[0][:5]
    network = machine.as_network()
    assert len(network.trunks) == 1
    with torch.inference_mode():
        staged = network(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 256 - 0.5)
    for ours, theirs in zip(machine.staged_beliefs(images), staged, strict=True):
        assert np.allclose(ours, theirs, atol=1e-5)


def test_a_published_net_predicts_through_the_library(published):
    assert published.skeleton_ == CPM
    assert published.stride_ == 8
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 80, 3), np.uint8)
    network = published.as_network()
    assert len(network.trunks) == 2
    with torch.inference_mode():
        staged = network(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 256 - 0.5)
        square = network(torch.from_numpy(images[:, :, :64]).permute(0, 3, 1, 2).float() / 256 - 0.5)
    for ours, theirs in zip(published.staged_beliefs(images[:, :, :64]), square, strict=True):
        assert np.allclose(ours, theirs, atol=1e-4)
    for ours, theirs in zip(published._batch_beliefs(images), staged, strict=True):  # unequal axes
        assert ours.shape == (2, 15, 8, 10)
        assert np.allclose(ours, theirs, atol=1e-4)
    assert published.size()["parameters"] == sum(weight.numel() for weight in network.parameters())
    assert published.stages_[2].size()["parameters"] < published.stages_[1].size()["parameters"]


def test_a_published_net_is_saved_and_loaded(published, tmp_path):
    published.save(tmp_path / "net.safetensors")
    loaded = load(tmp_path / "net.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    assert np.allclose(loaded.predict_beliefs(images), published.predict_beliefs(images), atol=1e-6)
    assert loaded.stages_[1].caffe_compatible


def test_training_starts_from_a_trained_machine(machine, dots, caplog):
    images, joints = dots
    frozen = {"epochs": 1, "learning_rate": 1e-12, "precision": "float32", "random_state": 1}
    again = tiny_machine(**frozen).fit(images, joints, warm_start=machine)
    assert np.allclose(again.predict_beliefs(images), machine.predict_beliefs(images), atol=5e-3)
    fewer = tiny_machine(**frozen, skeleton=Skeleton("two", ("left", "right")))
    with caplog.at_level("INFO", logger="posemachines.conv.trainer.train"):
        fewer.fit(images, joints[:, :2], warm_start=machine)
    assert "initialised anew because the shapes differ: heads.0.beliefs.weight" in caplog.text
    ours, theirs = (one.as_network().trunks[0].stem[0].weight for one in (machine, fewer))
    assert torch.allclose(ours, theirs, atol=1e-3)
    with pytest.raises(ValueError, match="warm_start has the network"):
        tiny_machine(stage_width=20).fit(images, joints, warm_start=machine)


def test_start_is_the_old_name_of_warm_start(machine, dots):
    with pytest.warns(DeprecationWarning, match="use warm_start="):
        old = tiny_machine(epochs=1).fit(*dots, start=machine)
    new = tiny_machine(epochs=1).fit(*dots, warm_start=machine)
    assert np.array_equal(old.predict_beliefs(dots[0]), new.predict_beliefs(dots[0]))


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
    *_, expected = published._batch_beliefs(images)
    assert np.abs(beliefs - expected).max() < 1e-4


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"size": 21}, "multiples of 4"), ({"size": 20, "stages": "first"}, "stages must be 'last' or 'all'")],
)
def test_graphs_that_cannot_be_written(machine, tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        machine.export_onnx(tmp_path / "machine.onnx", **settings)


def test_compiled_stages_predict_the_same(machine, dots):
    compiled = copy.deepcopy(machine).set_params(compile="eager")
    assert np.allclose(compiled.predict_beliefs(dots[0][:3]), machine.predict_beliefs(dots[0][:3]), atol=1e-5)
    assert set(compiled.stages_[0]._compiled) == {("trunk", "eager"), ("head", "eager")}
    assert not copy.deepcopy(compiled).stages_[0]._compiled


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_the_default_compiler_predicts_the_same(machine, dots):
    compiled = copy.deepcopy(machine).set_params(compile=True)
    assert np.allclose(compiled.predict_beliefs(dots[0][:3]), machine.predict_beliefs(dots[0][:3]), atol=1e-4)
