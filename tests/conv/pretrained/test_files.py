"""Files of `cpm-pretrained`: machines, checkpoints, ONNX, copies."""

import copy
import sys

import numpy as np
import pytest
from sklearn.base import clone

from posemachines import load
from tests.conv.conv_toys import DOTS, fit_alone
from tests.conv.pretrained.pretrained_toys import PACKAGE, SHORT, backbone_of, changed, imagenet, pretrained_machine
from tests.conv.test_loop import Interruption, assert_close_weights, assert_same_weights, interrupt_after, weights_of
from tests.toys import draw_dots


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
@pytest.mark.parametrize("half", [False, True])
def test_a_saved_machine_needs_no_package_with_weights(machine, dots, tmp_path, monkeypatch, suffix, half):
    path = tmp_path / f"machine.{suffix}"
    machine.save(path, half=half)
    expected = machine.predict_beliefs(dots[0])
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    loaded = load(path, device="cpu", precision="float32")
    found = loaded.predict_beliefs(dots[0])
    if half:
        assert np.allclose(found, expected, atol=0.02)
    else:
        assert np.array_equal(found, expected)
        assert [stage.feature_key for stage in loaded.stages_] == [stage.feature_key for stage in machine.stages_]
    assert loaded.stages_[0].design() == machine.stages_[0].design()
    assert loaded.as_network().trunk_of == (0, 0)


def test_a_file_does_not_load_into_another_backbone(machine):
    for changes in ({"backbone_stride": 16}, {"backbone": "efficientnet-lite1"}, {"network": "cpm-lite"}):
        other = clone(machine.stages_[0]).set_params(**changes)
        other.n_parts_, other.skeleton_, other.uses_beliefs_ = 3, DOTS, False
        with pytest.raises(ValueError, match="not the weights of this ConvStage"):
            other.set_state(machine.stages_[0].get_state())


def test_interrupted_training_resumes(dots, tmp_path, monkeypatch):
    path = tmp_path / "half.pt"
    whole = fit_alone(dots[0], None, dots[1], **SHORT)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 3)
        with pytest.raises(Interruption):
            fit_alone(dots[0], None, dots[1], **SHORT, checkpoint=path, checkpoint_minutes=0.0)
    with pytest.raises(ValueError, match="another training"):
        fit_alone(dots[0], None, dots[1], **(SHORT | {"frozen_blocks": 0}), checkpoint=path)
    with pytest.raises(ValueError, match="another training"):
        fit_alone(dots[0], None, dots[1], **(SHORT | {"backbone_stride": 16}), checkpoint=path)
    resumed = fit_alone(dots[0], None, dots[1], **SHORT, checkpoint=path)
    assert_same_weights(weights_of(whole), weights_of(resumed))


def test_training_starts_from_a_trained_machine(machine, dots):
    again = pretrained_machine(epochs=1, learning_rate=1e-12, frozen_blocks=0, random_state=1)
    again.fit(*dots, warm_start=machine)
    assert_close_weights(backbone_of(machine.as_network()), backbone_of(again.as_network()))
    assert changed(imagenet(), backbone_of(again.as_network()))
    with pytest.raises(ValueError, match="warm_start has the network"):
        pretrained_machine(backbone_stride=16).fit(*dots, warm_start=machine)


@pytest.mark.parametrize("stride", [8, 32])
def test_onnx_runtime_reproduces_the_beliefs(dots, tmp_path, stride):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    machine = pretrained_machine(backbone_stride=stride, epochs=1).fit(*dots)
    images, _ = draw_dots(3, height=36, width=44, seed=3)
    machine.export_onnx(tmp_path / "machine.onnx", size=(36, 44), stages="all")
    session = onnxruntime.InferenceSession(tmp_path / "machine.onnx")
    for ours, theirs in zip(machine.staged_beliefs(images), session.run(None, {"images": images}), strict=True):
        assert np.abs(ours - theirs).max() < 1e-4


def test_copies_predict_identically(machine, dots):
    copied = copy.deepcopy(machine)
    assert np.array_equal(copied.predict_beliefs(dots[0]), machine.predict_beliefs(dots[0]))


def test_compiled_stages_predict_the_same(machine, dots):
    compiled = copy.deepcopy(machine).set_params(compile="eager")
    assert np.allclose(compiled.predict_beliefs(dots[0][:3]), machine.predict_beliefs(dots[0][:3]), atol=1e-5)


def test_bfloat16_predicts_nearly_the_same(machine, dots):
    other = copy.deepcopy(machine).set_params(precision="bfloat16")
    assert np.allclose(other.predict_beliefs(dots[0]), machine.predict_beliefs(dots[0]), atol=0.1)
