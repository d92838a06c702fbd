"""Compiled loops over pixels agree with their numpy twins, on unequal axes."""

import math

import numpy as np
import pytest

from posemachines.forest import features
from posemachines.forest._kernels import image, image_twins

N, HEIGHT, WIDTH = 2, 16, 24


def arguments(images, stride, cells, unit, *, orientations=9, signed=False):
    return images, stride, np.array(cells), unit, features._places(orientations, signed), features._LINEAR


def assert_maps_agree(*given, **options):
    compiled, plain = (module.image_maps(*arguments(*given, **options)) for module in (image, image_twins))
    assert compiled.shape == plain.shape
    assert compiled.dtype == plain.dtype == np.float32
    np.testing.assert_allclose(compiled, plain, rtol=1e-5, atol=2e-4)
    return compiled


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (N, HEIGHT, WIDTH, 3), dtype=np.uint8)


def test_every_kernel_has_a_twin_of_the_same_name():
    assert image.__all__ == image_twins.__all__


def test_constants_equal_those_of_the_twins():
    assert (image.CLIP, image.NOISE) == (image_twins.CLIP, image_twins.NOISE)


@pytest.mark.parametrize(
    ("stride", "cells", "unit"), [(4, (4, 8, 16), 2), (8, (4, 8), 2), (2, (4,), 1), (4, (3, 16), 1), (8, (7,), 1)]
)
def test_image_maps(images, stride, cells, unit):
    maps = assert_maps_agree(images, stride, cells, unit)
    assert maps.shape == (N, 13 * len(cells), HEIGHT // stride, WIDTH // stride)


@pytest.mark.parametrize(("orientations", "signed"), [(1, False), (4, False), (4, True), (9, True), (18, True)])
def test_image_maps_of_other_orientations(images, orientations, signed):
    maps = assert_maps_agree(images, 4, (8,), 2, orientations=orientations, signed=signed)
    assert maps.shape[1] == orientations + 4


def test_image_maps_of_flat_and_striped_images():
    images = np.full((N, 20, 28, 3), 90, np.uint8)
    images[1, :, ::2] = 200
    maps = assert_maps_agree(images, 4, (4, 8), 2)
    assert not maps[0, :10].any(), "a flat image has no gradients"


def test_image_maps_of_a_picture_of_one_cell(rng):
    assert_maps_agree(rng.integers(0, 256, (1, 4, 8, 3), dtype=np.uint8), 4, (4, 16), 2)


def test_larger_squares_change_no_mean(images):
    """The unit only says how finely the sums are kept."""
    fine, coarse = (image.image_maps(*arguments(images, 4, (4, 8), unit)) for unit in (1, 2))
    np.testing.assert_allclose(fine, coarse, rtol=1e-5, atol=1e-5)


def test_encode(rng):
    maps = rng.uniform(-2, 9, (N, 3, 5, 7)).astype(np.float32)
    low, scale = np.array([0, -1, 2], np.float32), np.array([64 / math.sqrt(8), 10, 9], np.float32)
    given = maps, low, scale, np.array([True, False, False])
    compiled, plain = image.encode(*given), image_twins.encode(*given)
    assert compiled.dtype == plain.dtype == np.uint8
    np.testing.assert_array_equal(compiled, plain)
    assert compiled.min() == 0
    assert compiled.max() == 63
