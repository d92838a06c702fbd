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
    for _ in range(40):
        errors = (2 + 30 * SIZES[:, None] ** -0.7) * rng.lognormal(0, 0.04, (4, 2))
        low, high = fit_learning_curve(SIZES, errors)["predictions"][0]["interval"]
        inside += low <= 2 + 30 * 320**-0.7 <= high
    assert inside >= 36


def test_hard_folds_do_not_hide_the_gain(rng):
    hard = np.array([0.5, 2.0])
    errors = (2 + 30 * SIZES[:, None] ** -0.7) * hard * rng.lognormal(0, 0.01, (4, 2))
    found = fit_learning_curve(SIZES, errors)
    assert found["outcome"] == "helps"
    low, high = found["predictions"][0]["interval"]
    assert high > 2 * low  # the error itself is not known so well
    assert found["gain"]["interval"][1] < 1.5 * found["gain"]["interval"][0]


def test_folds_with_the_last_size_alone_tell_how_much_folds_differ(rng):
    hard = rng.lognormal(0, 0.3, 10)
    errors = (2 + 30 * SIZES[:, None] ** -0.7) * hard * rng.lognormal(0, 0.01, (4, 10))
    errors[:3, 2:] = np.nan
    few, all_folds = (fit_learning_curve(SIZES, each) for each in (errors[:, :2], errors))
    width = [np.log(high / low) for low, high in (one["predictions"][0]["interval"] for one in (few, all_folds))]
    assert width[1] < width[0]
    assert all_folds["errors"][-1] == pytest.approx(errors[-1].mean(), rel=0.1)
    assert all_folds["gain"]["value"] == pytest.approx(few["gain"]["value"], abs=0.02)


def test_a_flat_curve_is_called_flat():
    assert fit_learning_curve(SIZES, np.full((4, 2), 3.0))["outcome"] == "flat"


def test_noise_is_called_unclear(rng):
    errors = 3 * rng.lognormal(0, 0.3, (4, 2))
    assert fit_learning_curve(SIZES, errors)["outcome"] == "unclear"


@pytest.mark.parametrize("seed", range(5))
def test_rising_errors_are_never_said_to_fall(seed):
    errors = np.linspace(3, 4, 4)[:, None] * np.random.default_rng(seed).lognormal(0, 0.05, (4, 2))
    assert fit_learning_curve(SIZES, errors)["outcome"] != "helps"


def test_too_few_sizes():
    errors = np.full((4, 1), np.nan)
    errors[2:] = 1
    assert fit_learning_curve(SIZES, errors) is None


def test_a_curve_through_three_points_has_no_interval_and_is_not_given():
    assert fit_learning_curve(SIZES[1:], [[3.0], [2.0], [1.5]]) is None
    assert fit_learning_curve(SIZES, [[4.0], [3.0], [2.5], [2.2]])["outcome"] == "unclear"
