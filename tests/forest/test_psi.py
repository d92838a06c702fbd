import numpy as np
import pytest

from posemachines.forest import psi


def test_peaks_are_the_strongest_after_suppression():
    beliefs = np.zeros((2, 3, 5, 7), np.float32)
    beliefs[1, 2, 1, 2] = 0.9
    beliefs[1, 2, 2, 3] = 0.8  # beside the strongest: suppressed
    beliefs[1, 2, 4, 6] = 0.3
    peaks = psi.find_peaks(beliefs, n_peaks=2, radius=2)
    assert peaks.shape == (2, 3, 2, 3)
    np.testing.assert_allclose(peaks[1, 2], [[1, 2, 0.9], [4, 6, 0.3]])


def test_radius_zero_suppresses_the_peak_only():
    beliefs = np.zeros((1, 1, 3, 4), np.float32)
    beliefs[0, 0, 1, 1:3] = 0.9, 0.8
    np.testing.assert_allclose(psi.find_peaks(beliefs, radius=0)[0, 0], [[1, 1, 0.9], [1, 2, 0.8]])


def test_the_first_of_equal_peaks_wins_and_a_covered_map_repeats_the_strongest():
    beliefs = np.full((1, 1, 2, 3), 0.5, np.float32)
    np.testing.assert_allclose(psi.find_peaks(beliefs, n_peaks=2, radius=5)[0, 0], [[0, 0, 0.5], [0, 0, 0]])
    beliefs[0, 0, 1, 2] = 0.6
    np.testing.assert_allclose(psi.find_peaks(beliefs, n_peaks=2, radius=5)[0, 0], [[1, 2, 0.6], [1, 2, 0]], rtol=1e-6)


def test_offsets_are_polar_and_point_from_the_cell_to_the_peak():
    peaks = np.zeros((2, 3, 2, 3), np.float32)
    peaks[1, 2, 1] = 3, 4, 0.7
    maps = psi.offset_maps(peaks, (5, 7))
    assert maps.shape == (2, 18, 5, 7)
    distance, angle, value = maps[1, 15:]
    assert distance[0, 0] == 5
    assert angle[3, 0] == 0
    assert angle[0, 4] == pytest.approx(np.pi / 2)
    assert angle[3, 6] == pytest.approx(np.pi)
    assert distance[3, 4] == angle[3, 4] == 0
    assert (value == np.float32(0.7)).all()


def test_taps_of_the_context_patch():
    table = psi.patch_taps(4, first_channel=26)
    assert table.shape == (4 * 121, 3)
    assert set(table[:, 0]) == {26, 27, 28, 29}
    assert set(table[:, 1]) == set(table[:, 2]) == set(range(-15, 16, 3))
    assert len(np.unique(table, axis=0)) == len(table)


@pytest.mark.parametrize(("reach", "across"), [(15, 10), (2, 7)])
def test_a_context_patch_needs_whole_cells(reach, across):
    with pytest.raises(ValueError, match="odd number of taps"):
        psi.patch_taps(4, reach=reach, across=across)


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.5])
def test_smoothing_keeps_a_constant_and_spreads_a_point(sigma):
    beliefs = np.full((2, 3, 5, 7), 0.25, np.float32)
    np.testing.assert_allclose(psi.smooth(beliefs, sigma), 0.25, rtol=1e-6)
    beliefs = np.zeros((1, 1, 31, 33), np.float32)
    beliefs[0, 0, 15, 16] = 1
    spread = psi.smooth(beliefs, sigma)[0, 0]
    rows, columns = np.mgrid[:31, :33]
    assert spread.sum() == pytest.approx(1, rel=1e-5)
    assert (spread * (rows - 15) ** 2).sum() == pytest.approx(sigma**2, rel=0.12)
    assert (spread * (columns - 16)).sum() == pytest.approx(0, abs=1e-5)


def test_no_smoothing_is_no_change():
    beliefs = np.random.default_rng(0).random((1, 2, 3, 4), dtype=np.float32)
    assert psi.smooth(beliefs, 0) is beliefs
