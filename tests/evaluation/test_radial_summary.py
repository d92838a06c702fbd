"""Radial errors in a few numbers."""

import numpy as np
import pytest

from posemachines.evaluation.radial_summary import choose_thresholds, saturated_rates, summarise


def test_the_usual_numbers(rng):
    errors = rng.lognormal(size=(2, 80, 4))
    errors[:, 0, 0] = np.nan
    found = summarise(errors, np.arange(80) // 4, [1.0, 2.0])
    known = [one[~np.isnan(one)] for one in errors]
    assert found["mean"]["value"] == pytest.approx(np.mean([one.mean() for one in known]))
    assert found["repeats"] == pytest.approx([one.mean() for one in known])
    assert found["success"][1]["value"] == pytest.approx(np.mean([100 * (one <= 2).mean() for one in known]))
    for name in ("mean", "median", "p95"):
        low, high = found[name]["interval"]
        assert low < found[name]["value"] < high
    assert found["missing"] == 0


def test_intervals_are_wider_where_groups_are_alike(rng):
    level = np.repeat(rng.lognormal(0, 0.7, 10), 10)
    errors = level[None, :, None] * rng.lognormal(0, 0.1, (1, 100, 3))
    alone, together = (
        summarise(errors, groups)["mean"]["interval"] for groups in (np.arange(100), np.arange(100) // 10)
    )
    assert np.ptp(together) > 1.5 * np.ptp(alone)


def test_joints_that_were_not_predicted_are_counted_as_failures(rng):
    errors = rng.lognormal(size=(1, 10, 2))
    errors[0, 3] = np.inf
    found = summarise(errors, np.arange(10), [1e6])
    assert found["missing"] == 2
    assert np.isfinite([found["mean"]["value"], *found["mean"]["interval"]]).all()
    assert found["success"][0]["value"] == pytest.approx(90)  # not 100


def test_subjects_without_scale_are_not_counted(rng):
    errors = rng.lognormal(size=(2, 10, 3))
    errors[:, 4] = np.nan
    errors[:, 5, 0] = np.nan
    found = summarise(errors, np.arange(10))
    assert (found["n_subjects"], found["n_joints"]) == (9, 26)


def test_one_group_has_no_interval(rng):
    found = summarise(rng.lognormal(size=(2, 10, 3)), np.zeros(10), [1.0])
    assert np.isfinite(found["mean"]["value"])
    assert np.isnan([*found["mean"]["interval"], *found["success"][0]["interval"]]).all()


def test_nothing_labelled():
    found = summarise(np.full((1, 4, 2), np.nan), np.arange(4), [1.0])
    assert np.isnan([found["p95"]["value"], found["success"][0]["value"]]).all()
    assert (found["n_subjects"], found["missing"]) == (0, 0)


def test_thresholds_are_round_and_span_the_errors(rng):
    errors = rng.lognormal(1, 0.8, 2000)
    limits = choose_thresholds(errors)
    shares = [float((errors <= limit).mean()) for limit in limits]
    assert limits == sorted(limits)
    assert 0.15 < shares[0] < 0.45
    assert 0.8 < shares[-1] < 0.97
    assert choose_thresholds(10 * errors) == pytest.approx([10 * limit for limit in limits])
    assert choose_thresholds(np.full(3, np.nan)) == [1.0, 2.0, 5.0]


def test_saturation():
    assert saturated_rates({"PCK@0.1": 80.0, "PCK@0.2": 99.0, "within 1 px": None}) == ["PCK@0.2"]
