"""Radial errors and rates of success."""

import numpy as np
import pytest

from posemachines.metrics import contour_distance, radial_errors, success_rates


def test_perfect_missing_and_unlabelled(rng):
    truth = np.concatenate([rng.uniform(0, 50, (3, 4, 2)), np.ones((3, 4, 1))], -1)
    truth[0, 0, 2] = 0
    predicted = truth[None, ..., :2].repeat(2, 0)
    predicted[1, 2, 3] = np.nan
    found = radial_errors(predicted, truth)
    assert found.shape == (2, 3, 4)
    assert np.isnan(found[:, 0, 0]).all()
    assert np.isinf(found[1, 2, 3])
    assert np.nansum(found[0]) == 0


def test_malformed():
    with pytest.raises(ValueError, match="predicted must be"):
        radial_errors(np.zeros((3, 4, 2)), np.zeros((3, 5, 3)))


def test_a_joint_at_the_threshold_counts():
    np.testing.assert_allclose(success_rates([1.0, 2.0, np.nan, np.inf], [0.5, 1.0, 2.0]), [0, 100 / 3, 200 / 3])
    assert np.isnan(success_rates([np.nan], [1.0])).all()


def test_contours_do_not_care_about_places_along_the_curve():
    line = np.stack([np.linspace(0, 10, 6), np.zeros(6)], -1)
    denser = np.stack([np.linspace(0, 10, 6) ** 2 / 10, np.zeros(6)], -1)
    assert contour_distance([line], [denser]) == pytest.approx([0])
    np.testing.assert_allclose(contour_distance([line], [line + [0, 3]]), 3)
    assert np.isnan(contour_distance([np.full((6, 2), np.nan)], [line])).all()
    with pytest.raises(ValueError, match="two arrays"):
        contour_distance([line], [line[:5]])
