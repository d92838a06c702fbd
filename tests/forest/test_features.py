import math

import numpy as np
import pytest
from skimage.color import rgb2lab
from skimage.feature import hog

from posemachines.forest import features


@pytest.fixture
def images():
    """Two smooth random images of 20 x 28 px."""
    coarse = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3))
    fine = coarse.repeat(4, 1).repeat(4, 2) + 7 * np.sin(np.arange(28) / 2)[:, None]
    return fine.clip(0, 255).astype(np.uint8)


def ramp(degrees):
    """Grey image with a gradient in one direction, measured from x towards y."""
    rows, columns = np.mgrid[:32, :32] - 16
    angle = math.radians(degrees)
    light = 128 + 6 * (math.cos(angle) * columns + math.sin(angle) * rows)
    return light.round().astype(np.uint8)[None, ..., None].repeat(3, -1)


@pytest.mark.parametrize(("stride", "size"), [(4, (20, 28)), (8, (24, 32)), (2, (20, 28))])
def test_one_map_per_channel_on_the_belief_grid(stride, size):
    images = np.zeros((2, *size, 3), np.uint8)
    maps = features.image_maps(images, stride=stride)
    assert maps.shape == (2, 39, size[0] // stride, size[1] // stride)
    assert maps.dtype == np.float32
    assert np.isfinite(maps).all()


def test_gradient_magnitudes_agree_with_scikit_image(images):
    """With one orientation and one block over all cells, HOG is the sum over each cell up to a factor."""
    maps = features.image_maps(images, stride=4, cells=(4,))
    for image, ours in zip(images, maps[:, 9], strict=True):
        theirs = hog(image, 1, (4, 4), ours.shape, "L1", feature_vector=False, channel_axis=-1).squeeze()
        np.testing.assert_allclose(ours / ours.sum(), theirs, rtol=1e-4)


def test_orientations_agree_with_scikit_image(images):
    """scikit-image votes for one bin instead of two, so histograms correlate but differ."""
    maps = features.image_maps(images, stride=4, cells=(4,))
    for image, ours in zip(images, maps[:, :9], strict=True):
        theirs = hog(image, 9, (4, 4), (1, 1), "L2", feature_vector=False, channel_axis=-1).squeeze()
        ours = ours / np.linalg.norm(ours, axis=0)
        assert np.corrcoef(ours.ravel(), np.moveaxis(theirs, -1, 0).ravel())[0, 1] > 0.75


@pytest.mark.parametrize(
    ("degrees", "shares"), [(10, {0: 1}), (20, {0: 0.5, 1: 0.5}), (90, {4: 1}), (0, {0: 0.5, 8: 0.5})]
)
def test_a_ramp_votes_for_the_nearest_two_orientations(degrees, shares):
    votes = features.image_maps(ramp(degrees), stride=4, cells=(8,))[0, :9, 3, 3]
    expected = np.zeros(9)
    expected[list(shares)] = list(shares.values())
    np.testing.assert_allclose(votes / votes.sum(), expected, atol=0.12)


def test_colour_is_lab():
    images = np.random.default_rng(0).integers(0, 256, (8, 1, 1, 3), dtype=np.uint8)
    maps = features.image_maps(images.repeat(8, 1).repeat(8, 2), stride=4)
    for first in (10, 23, 36):
        ours = np.moveaxis(maps[:, first : first + 3], 1, -1)
        np.testing.assert_allclose(ours, np.broadcast_to(rgb2lab(images), ours.shape), atol=0.02)


def test_histograms_do_not_depend_on_contrast():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 80, (1, 16, 16, 3)).astype(np.uint8)
    weak, strong = features.image_maps(image, stride=4), features.image_maps(image * 3, stride=4)
    np.testing.assert_allclose(weak[:, :9], strong[:, :9], rtol=0.02, atol=0.002)
    np.testing.assert_allclose(3 * weak[:, 9], strong[:, 9], rtol=1e-5)


def test_a_large_cell_is_centred_on_the_grid_point():
    """Cell 1 of 8 px at stride 4 covers pixels 2..9, cell 2 is the first to include pixel 10."""
    image = np.zeros((1, 16, 16, 3), np.uint8)
    image[:, :, 10:] = 255
    lightness = features.image_maps(image, stride=4, cells=(8,))[0, 10, 1]
    assert lightness[1] == pytest.approx(0, abs=1e-4)
    assert 0 < lightness[2] < lightness[3] == pytest.approx(100, abs=0.01)


@pytest.mark.parametrize(
    ("degrees", "shares"), [(20, {0: 0.5, 1: 0.5}), (90, {4: 1}), (200, {9: 0.5, 10: 0.5}), (270, {13: 1})]
)
def test_signed_orientations_distinguish_opposite_gradients(degrees, shares):
    """Unsigned orientations fold the second half of the 18 bins onto the first."""
    image = ramp(degrees)
    votes = features.image_maps(image, stride=4, cells=(8,), orientations=18, signed=True)[0, :18, 3, 3]
    expected = np.zeros(18)
    expected[list(shares)] = list(shares.values())
    np.testing.assert_allclose(votes / votes.sum(), expected, atol=0.12)
    folded = features.image_maps(image, stride=4, cells=(8,))[0, :9, 3, 3]
    np.testing.assert_allclose(folded / folded.sum(), expected[:9] + expected[9:], atol=0.12)


def test_inverting_the_image_rotates_signed_orientations_by_180_degrees(images):
    turned = 255 - images
    settings = {"stride": 4, "cells": (8,), "orientations": 6, "signed": True}
    ours, theirs = (features.image_maps(some, **settings)[:, :6] for some in (images, turned))
    np.testing.assert_allclose(ours, np.roll(theirs, 3, axis=1), rtol=1e-4, atol=1e-5)
    assert abs(ours - theirs).max() > 0.05
    unsigned = [features.image_maps(some, stride=4, cells=(8,))[:, :9] for some in (images, turned)]
    np.testing.assert_allclose(*unsigned, rtol=1e-4, atol=1e-5)


def test_codes_by_definition(images):
    codes = features.image_codes(images, stride=4)
    maps = features.image_maps(images, stride=4).astype(float)
    assert codes.shape == maps.shape
    assert codes.dtype == np.uint8
    for first in (0, 13, 26):
        histogram, magnitude, light, colour = np.split(maps[:, first : first + 13], [9, 10, 11], axis=1)
        steps = [
            np.sqrt(histogram / 0.4) * 64,
            np.sqrt(magnitude / 256) * 64,
            light / 100 * 64,
            (colour + 64) / 128 * 64,
        ]
        exact = np.concatenate(steps, 1)
        low, high = (
            np.clip(exact + slack, 0, 63).astype(np.uint8) for slack in (-1e-3, 1e-3)
        )  # tolerance for rounding
        own = codes[:, first : first + 13]
        assert ((low <= own) & (own <= high)).all()
        assert (low == high).mean() > 0.9


def test_codes_increase_with_the_maps_and_stay_below_64(rng):
    images = rng.integers(0, 256, (3, 20, 28, 3), dtype=np.uint8)
    images[1] = 255 * (images[1] > 128)
    images[2] = images[2] // 8
    codes, maps = (of(images, stride=4).swapaxes(0, 1) for of in (features.image_codes, features.image_maps))
    for channel in range(39):
        order = np.argsort(maps[channel].ravel(), kind="stable")
        assert (np.diff(codes[channel].ravel()[order].astype(int)) >= 0).all()
    assert codes.max() == 63
    assert codes.min() == 0


def test_codes_do_not_depend_on_other_subjects(images):
    together = features.image_codes(images, stride=4)
    alone = np.concatenate([features.image_codes(images[i : i + 1], stride=4) for i in range(len(images))])
    np.testing.assert_array_equal(together, alone)


def test_position_codes_count_cells_from_the_centre():
    codes = features.position_codes(3, (5, 8))
    assert codes.shape == (3, 2, 5, 8)
    assert codes.dtype == np.uint8
    for subject in codes:
        np.testing.assert_array_equal(subject[0], np.arange(30, 35)[:, None].repeat(8, 1))
        np.testing.assert_array_equal(subject[1], np.arange(28, 36)[None].repeat(5, 0))
    assert not codes.flags.writeable


def test_position_codes_are_clipped():
    rows, columns = features.position_codes(1, (80, 3))[0]
    assert rows[:, 0].tolist() == [0] * 8 + list(range(64)) + [63] * 8
    assert columns[0].tolist() == [31, 32, 33]


@pytest.mark.parametrize(("level", "across"), [(0, (5, 7, 7)), (1, (0, 9, 7)), (2, (0, 9, 9))])
def test_taps_of_the_image_patch(level, across):
    """Cells of a patch are adjacent; coarser levels omit the finest cells."""
    table = features.image_taps(features.PATCHES[level], stride=4)
    assert table.shape == (13 * sum(n * n for n in across), 3)
    assert len(np.unique(table, axis=0)) == len(table)
    for first, step, n in zip((0, 13, 26), (1, 2, 4), across, strict=True):
        own = table[(table[:, 0] >= first) & (table[:, 0] < first + 13)]
        wanted = set((np.arange(n) - n // 2) * step)
        assert set(own[:, 1]) == set(own[:, 2]) == wanted
        assert len(own) == 13 * n * n


def test_cells_smaller_than_the_stride_are_read_at_every_grid_cell():
    offsets = features.image_taps(((4, 3), (16, 3)), stride=8)
    assert set(offsets[offsets[:, 0] < 13, 1]) == {-1, 0, 1}
    assert set(offsets[offsets[:, 0] >= 26, 1]) == {-2, 0, 2}


def test_channels_of_taps_depend_on_the_cell_sizes():
    table = features.image_taps(((8, 3),), stride=4, cells=(4, 8), channels=5)
    assert set(table[:, 0]) == set(range(5, 10))
