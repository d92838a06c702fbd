import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemachines.beliefs import cells_to_pixels, decode, flip_beliefs, gaussian_beliefs, pixels_to_cells

STRIDE, GRID = 4, (5, 7)


def test_centres_of_cells():
    assert cells_to_pixels(0, 8) == 3.5
    assert cells_to_pixels(2, 4) == 9.5
    assert pixels_to_cells(cells_to_pixels([0.0, 1.25, 6], 4), 4) == pytest.approx([0, 1.25, 6])


def test_gaussian_targets_on_unequal_axes():
    joints = np.array([[[9.5, 13.5, 1], [1.5, 17.5, 1], [3, 3, 0]], [[25.5, 1.5, 1], [0, 0, 0], [13.5, 9.5, 1]]])
    beliefs = gaussian_beliefs(joints, GRID, stride=STRIDE, sigma=3)
    assert beliefs.shape == (2, 4, *GRID)
    assert beliefs.dtype == np.float32
    assert beliefs[0, 0, 3, 2] == pytest.approx(1), "peak 1 at row 3, column 2"
    assert beliefs[0, 0, 3, 3] == pytest.approx(np.exp(-16 / 18))
    assert beliefs[0, 1, 4, 0] == pytest.approx(1)
    assert beliefs[1, 0, 0, 6] == pytest.approx(1)
    assert not beliefs[0, 2].any(), "the map of an unlabelled joint is zero"
    assert beliefs[:, :-1][(beliefs[:, :-1] > 0)].min() >= 0.01
    np.testing.assert_allclose(beliefs[:, -1], 1 - beliefs[:, :-1].max(1))


@given(st.floats(2, 25), st.floats(2, 17), st.sampled_from([2.0, 4.0, 7.0]))
def test_decoding_a_gaussian(x, y, sigma):
    beliefs = gaussian_beliefs([[[x, y, 1]]], GRID, stride=STRIDE, sigma=sigma)
    refined, scores = decode(beliefs, stride=STRIDE)
    plain, _ = decode(beliefs, stride=STRIDE, subpixel=False)
    truth = np.array([x, y])
    assert np.abs(plain[0, 0] - truth).max() <= STRIDE / 2 + 1e-3
    assert np.abs(refined[0, 0] - plain[0, 0]).max() <= STRIDE / 2 + 1e-3
    assert np.abs(refined[0, 0] - truth).max() <= STRIDE / 2 + 1e-3
    assert 0 < scores[0, 0] <= 1


def test_subpixel_refinement_is_exact_for_a_parabola():
    columns, rows = np.meshgrid(np.arange(7), np.arange(5))
    peak = 10 - (columns - 3.3) ** 2 - (rows - 1.8) ** 2
    joints, scores = decode(np.stack([peak, peak])[None].astype(np.float32), stride=1)
    np.testing.assert_allclose(joints, [[[3.3, 1.8]]], atol=1e-5)
    assert scores.shape == (1, 1)


def test_decoding_at_the_border_and_on_a_flat_map():
    beliefs = np.zeros((1, 3, *GRID), np.float32)
    beliefs[0, 0, 4, 6] = 1
    joints, scores = decode(beliefs, stride=STRIDE)
    np.testing.assert_allclose(joints[0], [[25.5, 17.5], [1.5, 1.5]])
    np.testing.assert_allclose(scores[0], [1, 0])


def test_flipping_twice_is_the_identity(rng):
    beliefs = rng.random((2, 4, *GRID))
    once = flip_beliefs(beliefs, (1, 0, 2))
    np.testing.assert_array_equal(once[:, 0], beliefs[:, 1, :, ::-1])
    np.testing.assert_array_equal(once[:, 3], beliefs[:, 3, :, ::-1])
    np.testing.assert_array_equal(flip_beliefs(once, (1, 0, 2)), beliefs)


def test_invalid_beliefs_are_rejected():
    with pytest.raises(ValueError, match="background last"):
        decode(np.zeros((5, 7)), stride=4)
    with pytest.raises(ValueError, match="sigma must be positive"):
        gaussian_beliefs(np.zeros((1, 2, 3)), GRID, stride=4, sigma=0)
    with pytest.raises(ValueError, match=r"\(N, 3, h, w\)"):
        flip_beliefs(np.zeros((1, 4, 5, 7)), (0, 1))
