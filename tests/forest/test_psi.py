import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from posemachines.forest import psi


def test_peaks_are_the_strongest_after_suppression():
    beliefs = np.zeros((2, 3, 5, 7), np.float32)
    beliefs[1, 2, 1, 2] = 0.9
    beliefs[1, 2, 2, 3] = 0.8  # next to the strongest: suppressed
    beliefs[1, 2, 4, 6] = 0.3
    peaks = psi.find_peaks(beliefs, n_peaks=2, radius=2)
    assert peaks.shape == (2, 3, 2, 3)
    np.testing.assert_allclose(peaks[1, 2], [[1, 2, 0.9], [4, 6, 0.3]])


def test_radius_zero_suppresses_only_the_peak():
    beliefs = np.zeros((1, 1, 3, 4), np.float32)
    beliefs[0, 0, 1, 1:3] = 0.9, 0.8
    np.testing.assert_allclose(psi.find_peaks(beliefs, radius=0)[0, 0], [[1, 1, 0.9], [1, 2, 0.8]])


def test_ties_and_fully_suppressed_maps():
    beliefs = np.full((1, 1, 2, 3), 0.5, np.float32)
    np.testing.assert_allclose(psi.find_peaks(beliefs, n_peaks=2, radius=5)[0, 0], [[0, 0, 0.5], [0, 0, 0]])
    beliefs[0, 0, 1, 2] = 0.6
    np.testing.assert_allclose(psi.find_peaks(beliefs, n_peaks=2, radius=5)[0, 0], [[1, 2, 0.6], [1, 2, 0]], rtol=1e-6)


def test_offsets_are_polar_and_point_from_the_cell_to_the_peak():
    peaks = np.zeros((2, 3, 2, 3), np.float32)
    peaks[1, 2, 1] = 3, 4, 0.49
    codes = psi.offset_codes(peaks, (5, 7))
    assert codes.shape == (2, 18, 5, 7)
    assert codes.dtype == np.uint8
    distance, angle, value = codes[1, 15:]
    assert distance[3, 4] == angle[3, 4] == 0
    assert distance[0, 0] == int(64 * math.sqrt(5 / 45.5))
    assert angle[3, 0] == 0, "the x axis points right"
    assert angle[0, 4] == 16, "the y axis points down"
    assert angle[3, 6] == 32
    assert angle[4, 4] == 48
    assert (value == 44).all()


def test_offset_codes_by_definition(rng):
    shape = 6, 41
    peaks = np.stack([rng.integers(0, size, (2, 3, 2)) for size in shape] + [rng.random((2, 3, 2))], -1)
    codes = psi.offset_codes(peaks.astype(np.float32), shape).reshape(2, 3, 2, 3, *shape)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    for place in np.ndindex(2, 3, 2):
        down, right = peaks[place][0] - rows, peaks[place][1] - columns
        distance = 64 * np.sqrt(np.hypot(down, right) / 45.5)
        angle = np.arctan2(down, right) / (2 * np.pi) % 1 * 64
        value = np.full(shape, 64 * math.sqrt(peaks[place][2]))
        for ours, exact in zip(codes[place], (distance, angle, value), strict=True):
            off = (ours - np.minimum(exact, 63.99)) % 64  # rounded down, with tolerance at the edges
            assert ((off < 1e-4) | (off > 63 - 1e-4)).all()


def test_codes_of_distant_peaks_are_clipped():
    distance = psi.offset_codes(np.zeros((1, 1, 1, 3), np.float32), (3, 90))[0, 0]
    assert distance[0, 45] == 63
    assert (distance[:, 46:] == 63).all()
    assert (np.diff(distance[0].astype(int)) >= 0).all()


def test_taps_of_the_context_patch():
    table = psi.patch_taps(4, first_channel=26)
    assert table.shape == (4 * 121, 3)
    assert set(table[:, 0]) == {26, 27, 28, 29}
    assert set(table[:, 1]) == set(table[:, 2]) == set(range(-15, 16, 3))
    assert len(np.unique(table, axis=0)) == len(table)


@pytest.mark.parametrize(("reach", "across"), [(15, 10), (2, 7)])
def test_invalid_context_patches_are_rejected(reach, across):
    with pytest.raises(ValueError, match="odd number of taps"):
        psi.patch_taps(4, reach=reach, across=across)


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.5])
def test_smoothing_preserves_constants_and_has_the_given_sigma(sigma):
    beliefs = np.full((2, 3, 5, 7), 0.25, np.float32)
    np.testing.assert_allclose(psi.smooth(beliefs, sigma), 0.25, rtol=1e-6)
    beliefs = np.zeros((1, 1, 31, 33), np.float32)
    beliefs[0, 0, 15, 16] = 1
    spread = psi.smooth(beliefs, sigma)[0, 0]
    rows, columns = np.mgrid[:31, :33]
    assert spread.sum() == pytest.approx(1, rel=1e-5)
    assert (spread * (rows - 15) ** 2).sum() == pytest.approx(sigma**2, rel=0.12)
    assert (spread * (columns - 16)).sum() == pytest.approx(0, abs=1e-5)


def test_zero_sigma_returns_the_beliefs():
    beliefs = np.random.default_rng(0).random((1, 2, 3, 4), dtype=np.float32)
    assert psi.smooth(beliefs, 0) is beliefs


@given(arrays(np.float32, (2, 3, 4, 5), elements=st.floats(0, 1, width=32)), st.floats(0.1, 3))
@settings(max_examples=20, deadline=None)
def test_smoothing_preserves_sums_over_maps_and_the_range(beliefs, sigma):
    smoothed = psi.smooth(beliefs, sigma)
    assert smoothed.dtype == np.float32
    np.testing.assert_allclose(smoothed.sum(1), psi.smooth(beliefs.sum(1, keepdims=True), sigma)[:, 0], atol=1e-5)
    assert smoothed.min() >= beliefs.min() - 1e-6
    assert smoothed.max() <= beliefs.max() + 1e-6


@given(arrays(np.float32, (1, 2, 4, 5), elements=st.floats(0, 1, width=32)), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_peaks_are_sorted_and_separated(beliefs, radius):
    """A repetition of the first peak with value 0 means that there is no further peak."""
    for of_map, peaks in zip(beliefs[0], psi.find_peaks(beliefs, n_peaks=3, radius=radius)[0], strict=True):
        assert peaks[0, 2] == of_map.max()
        assert (np.diff(peaks[:, 2]) <= 0).all()
        found = [(int(row), int(column)) for row, column, _ in peaks]
        for number, (place, value) in enumerate(zip(found, peaks[:, 2], strict=True)):
            apart = [max(abs(place[0] - row), abs(place[1] - column)) > radius for row, column in found[:number]]
            assert (all(apart) and of_map[place] == value) or (place == found[0] and value == 0)
