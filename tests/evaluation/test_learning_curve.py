"""Learning curves."""

import numpy as np
import pytest

from posemachines.evaluation.learning_curve import fit_learning_curve

SIZES = np.array([20, 40, 80, 160])


def test_a_power_law_is_recovered():
    errors = np.stack([2 + 30 * SIZES**-0.7] * 2, 1)
    found = fit_learning_curve(SIZES, errors)
    assert found["fit"] == pytest.approx([2, 30, 0.7], rel=0.05)
    assert found["predictions"][0]["labels"] == 320
    assert found["predictions"][0]["error"] == pytest.approx(2 + 30 * 320**-0.7, rel=0.01)
    assert found["outcome"] == "helps"


def test_the_interval_holds_the_truth(rng):
    inside = 0
    for _ in range(20):
        errors = (2 + 30 * SIZES[:, None] ** -0.7) * rng.lognormal(0, 0.04, (4, 2))
        low, high = fit_learning_curve(SIZES, errors)["predictions"][0]["interval"]
        inside += low <= 2 + 30 * 320**-0.7 <= high
    assert inside >= 15


def test_a_flat_curve_is_called_flat():
    assert fit_learning_curve(SIZES, np.full((4, 2), 3.0))["outcome"] == "flat"


def test_noise_is_called_unclear(rng):
    errors = 3 * rng.lognormal(0, 0.3, (4, 2))
    assert fit_learning_curve(SIZES, errors)["outcome"] == "unclear"


def test_too_few_sizes():
    errors = np.full((4, 1), np.nan)
    errors[2:] = 1
    assert fit_learning_curve(SIZES, errors) is None
