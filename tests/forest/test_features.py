import numpy as np
import pytest
from skimage.color import rgb2lab
from skimage.feature import hog

from posemachines.forest import features


@pytest.fixture
def images():
    """Two smooth random pictures of 20 x 28 px."""
    coarse = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3))
    ramp = np.linspace(0, 1, 4)[:, None, None, None]
    fine = coarse.repeat(4, 1).repeat(4, 2).astype(float)
    fine += 20 * np.sin(np.arange(28) / 2)[:, None] * ramp.ravel()[1]
    return fine.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("stride", "size"), [(4, (20, 28)), (8, (24, 32)), (2, (20, 28))])
def test_one_map_a_channel_on_the_belief_grid(stride, size):
    images = np.zeros((2, *size, 3), np.uint8)
    maps = features.image_maps(images, stride=stride)
    assert maps.shape == (2, 39, size[0] // stride, size[1] // stride)
    assert maps.dtype == np.float32
    assert np.isfinite(maps).all()


def test_gradient_energy_of_aligned_cells_is_that_of_scikit_image(images):
    """One orientation and one block around all cells leave the cell sums, up to one factor."""
    maps = features.image_maps(images, stride=4, cells=(4,))
    for image, ours in zip(images, maps[:, 9], strict=True):
        theirs = hog(image, 1, (4, 4), ours.shape, "L1", feature_vector=False, channel_axis=-1).squeeze()
        np.testing.assert_allclose(ours / ours.sum(), theirs, rtol=1e-4)


def test_orientations_agree_with_scikit_image(images):
    """They vote for one bin and we for the nearest two, so that histograms correlate but differ."""
    maps = features.image_maps(images, stride=4, cells=(4,))
    for image, ours in zip(images, maps[:, :9], strict=True):
        theirs = hog(image, 9, (4, 4), (1, 1), "L2", feature_vector=False, channel_axis=-1).squeeze()
        ours = ours / np.linalg.norm(ours, axis=0)
        assert np.corrcoef(ours.ravel(), np.moveaxis(theirs, -1, 0).ravel())[0, 1] > 0.75


@pytest.mark.parametrize(
    ("degrees", "shares"), [(10, {0: 1}), (20, {0: 0.5, 1: 0.5}), (90, {4: 1}), (0, {0: 0.5, 8: 0.5})]
)
def test_a_ramp_votes_for_the_nearest_two_orientations(degrees, shares):
    rows, columns = np.mgrid[:32, :32] - 16
    angle = np.deg2rad(degrees)
    ramp = 128 + 6 * (np.cos(angle) * columns + np.sin(angle) * rows)
    image = ramp.round().astype(np.uint8)[None, ..., None].repeat(3, -1)
    votes = features.image_maps(image, stride=4, cells=(8,))[0, :9, 3, 3]
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
    """Cell 1 of 8 px at stride 4 covers pixels 2..9: the colour steps in only when pixel 10 is left."""
    image = np.zeros((1, 16, 16, 3), np.uint8)
    image[:, :, 10:] = 255
    lightness = features.image_maps(image, stride=4, cells=(8,))[0, 10, 1]
    assert lightness[1] == pytest.approx(0, abs=1e-4)
    assert 0 < lightness[2] < lightness[3] == pytest.approx(100, abs=0.01)


def test_taps_of_the_image_patch():
    table = features.image_taps(stride=4)
    assert table.shape == (13 * (25 + 49 + 49), 3)
    assert table[:, 0].max() == 38
    assert set(table[table[:, 0] < 13, 1]) == set(range(-2, 3))
    assert set(table[(table[:, 0] >= 13) & (table[:, 0] < 26), 2]) == set(range(-6, 7, 2))
    assert set(table[table[:, 0] >= 26, 2]) == set(range(-12, 13, 4))
    assert set(features.image_taps(stride=8)[:, 1]) == {-6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6}
