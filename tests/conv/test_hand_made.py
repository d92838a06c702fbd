"""`cpm-hand-made`: the image features of the forests in torch, and a network on them."""

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from posemachines import load
from posemachines.conv import ConvStage
from posemachines.conv.networks.facts import network_facts
from posemachines.conv.networks.hand_made import CELLS, CLIP, NOISE, HandMadeMaps, HandMadeTrunk
from posemachines.conv.networks.lite import fold
from posemachines.conv.networks.network import build_network
from posemachines.forest import features
from posemachines.forest._kernels import image_twins
from tests.conv.conv_toys import DOTS, fit_alone, tiny_machine
from tests.toys import draw_dots

NET = {"network": "cpm-hand-made", "precision": "float32"}


def smooth_images(n, height, width, *, sigma=2.0, seed=0):
    """Smoothed noise of full contrast, uint8 (n, height, width, 3)."""
    noise = np.random.default_rng(seed).normal(size=(n, height, width, 3)).astype(np.float32)
    smooth = np.stack([cv2.GaussianBlur(one, (0, 0), sigma) for one in noise])
    return (128 + smooth * 50 / smooth.std()).clip(0, 255).round().astype(np.uint8)


def as_tensor(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 256 - 0.5


def scaled(maps):
    """The maps of forests, scaled as the docstring says."""
    found = maps.reshape(len(maps), len(CELLS), 13, *maps.shape[2:])
    histogram, magnitude = np.sqrt(found[:, :, :9] * 4 / CLIP), np.sqrt(found[:, :, 9:10] / 16)
    light, colour = found[:, :, 10:11] / 25 - 2, found[:, :, 11:] / 16
    return np.concatenate([histogram, magnitude, light, colour], 2).reshape(maps.shape)


def test_constants_equal_those_of_the_forests():
    assert CELLS == features.CELLS
    assert (CLIP, NOISE) == (image_twins.CLIP, image_twins.NOISE)


@pytest.mark.parametrize("shape", [(64, 64), (48, 80), (36, 44), (20, 100)])
def test_the_maps_are_those_of_the_forests(shape):
    images = smooth_images(2, *shape)
    ours = HandMadeMaps()(as_tensor(images)).numpy()
    expected = scaled(features.image_maps(images, stride=4))
    assert ours.shape == expected.shape == (2, 39, shape[0] // 4, shape[1] // 4)
    np.testing.assert_allclose(ours, expected, atol=1e-3)


@pytest.mark.parametrize("photo", ["astronaut", "coffee"])
def test_the_maps_of_a_photograph_are_those_of_the_forests(photo):
    images = cv2.resize(getattr(skimage.data, photo)(), (112, 128), interpolation=cv2.INTER_AREA)[None]
    ours = HandMadeMaps()(as_tensor(images)).numpy()
    expected = scaled(features.image_maps(images, stride=4))
    np.testing.assert_allclose(ours, expected, atol=0.012)  # the smallest root of a histogram, in flat places
    assert 0.3 < ours.std() < 2


@pytest.mark.parametrize("value", [0, 7, 255])
def test_flat_images_have_no_gradients(value):
    images = np.full((1, 16, 24, 3), value, np.uint8)
    ours = HandMadeMaps()(as_tensor(images)).numpy()
    np.testing.assert_allclose(ours, scaled(features.image_maps(images, stride=4)), atol=0.012)


def test_nothing_in_the_maps_is_learned_or_stored():
    maps = HandMadeMaps()
    assert not list(maps.parameters())
    assert not maps.state_dict()


@pytest.mark.parametrize("images", ["noise", "black", "white", "grey"])
def test_gradients_are_finite(images):
    given = {"black": -0.5, "white": 255 / 256 - 0.5, "grey": 0.0}
    tensor = as_tensor(smooth_images(1, 24, 32)) if images == "noise" else torch.full((1, 3, 24, 32), given[images])
    tensor.requires_grad_()
    HandMadeMaps()(tensor).square().sum().backward()
    assert torch.isfinite(tensor.grad).all()
    assert images != "noise" or (tensor.grad != 0).float().mean() > 0.9


@pytest.mark.parametrize("axis", [2, 3])
def test_the_receptive_field_of_a_cell(axis):
    """Whatever lies outside of it changes nothing; the next pixel inside does."""
    maps, images = HandMadeMaps(), as_tensor(smooth_images(1, 100, 100))
    before, cell = maps(images), 12
    first = 4 * cell - (maps.FIELD - 4) // 2
    last = first + maps.FIELD - 1
    for place, inside in ((first - 1, False), (first, True), (last, True), (last + 1, False)):
        changed = images.clone()
        changed.select(axis, place).add_(0.2)
        difference = (maps(changed) - before).select(axis, cell).abs().max()
        assert (difference > 1e-5) == inside


@pytest.mark.parametrize("shape", [(32, 48), (36, 44), (40, 36)])
def test_crops_of_any_size_have_the_maps_of_the_forests_up_to_their_border(shape):
    """Sides that are no multiple of 8 are not extended with grey, which would be an edge in the image."""
    trunk, seen = HandMadeTrunk(16, 16, 1, 1), []
    trunk.project.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    images = smooth_images(1, *shape)
    assert trunk(as_tensor(images)).shape == (1, 4, shape[0] // 4, shape[1] // 4)
    expected = fold(torch.from_numpy(scaled(features.image_maps(images, stride=4))).float())
    assert torch.allclose(seen[0], expected, atol=1e-3)


@pytest.mark.parametrize("stages", [1, 3])
def test_beliefs_are_at_stride_4(stages):
    network = build_network("cpm-hand-made", n_maps=4, n_stages=stages)
    staged = network(torch.rand(2, 3, 36, 20) - 0.5)
    assert [tuple(beliefs.shape) for beliefs in staged] == [(2, 4, 9, 5)] * stages
    facts = network_facts(network, (64, 64))
    assert facts.parameters == sum(weight.numel() for weight in network.parameters())
    assert facts.multiply_adds > 0
    first, *later = facts.receptive_fields
    assert first == HandMadeMaps.FIELD + 4 + 2 * 2 * 2 * 8, "two cells, and four convolutions at stride 8"
    assert all(field > first for field in later)


def test_autocast_does_not_reach_the_maps():
    images = as_tensor(smooth_images(1, 24, 32))
    maps = HandMadeMaps()
    with torch.autocast("cpu", torch.bfloat16):
        low = maps(images)
    assert low.dtype == torch.float32
    assert torch.equal(low, maps(images))


# -- the network ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dots():
    return draw_dots(24, height=36, width=44)


@pytest.fixture(scope="module")
def machine(dots):
    return tiny_machine(**NET, epochs=2).fit(*dots)


def test_it_learns(dots):
    stage = fit_alone(dots[0], None, dots[1], **NET, epochs=20, rotation=0.0, colour=0.0)
    losses = [row["loss"][0] for row in stage.history_]
    assert losses[-1] < 0.6 * losses[0]
    assert np.isfinite(losses).all()


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_a_saved_machine_is_loaded(machine, dots, tmp_path, suffix):
    machine.save(tmp_path / f"machine.{suffix}")
    loaded = load(tmp_path / f"machine.{suffix}", device="cpu", precision="float32")
    assert np.array_equal(loaded.predict_beliefs(dots[0]), machine.predict_beliefs(dots[0]))
    assert not machine.as_network().pretrained_weights()


def test_training_starts_from_a_trained_machine(machine, dots):
    again = tiny_machine(**NET, epochs=1, learning_rate=1e-12).fit(*dots, warm_start=machine)
    assert np.allclose(again.predict_beliefs(dots[0]), machine.predict_beliefs(dots[0]), atol=5e-3)


def test_onnx_runtime_reproduces_the_beliefs(machine, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    images, _ = draw_dots(3, height=36, width=44, seed=3)
    machine.export_onnx(tmp_path / "machine.onnx", size=(36, 44), stages="all")
    session = onnxruntime.InferenceSession(tmp_path / "machine.onnx")
    for ours, theirs in zip(machine.staged_beliefs(images), session.run(None, {"images": images}), strict=True):
        assert np.abs(ours - theirs).max() < 1e-3, "the roots of small histograms magnify rounding errors"


def test_the_stage_is_checked_like_the_others(dots):
    stage = ConvStage(network="cpm-hand-made")
    assert stage.stride == 4
    assert stage.design().backbone == ""
    fitted = fit_alone(dots[0], None, dots[1], **NET, epochs=1, skeleton=DOTS)
    assert fitted.predict(dots[0][:2]).shape == (2, 4, 9, 11)
