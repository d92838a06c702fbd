"""Verdicts that count the luck of training."""

import json

import numpy as np
import pytest
from scipy import stats

from benchmarks.studies.false_verdicts import BETTER, DESIGNS, RESULTS, WORLDS, main, share_called_different
from posemachines.evaluation import resampled
from posemachines.evaluation.resampled import Measure, compare_folds, folds_test, measures, seeds_test, verdicts

MEAN = Measure("mean error", "error")
EXTREME = 1.0  # what a training subject contributes in a world that is there to show the limit of the tests


def test_the_corrected_test_by_hand():
    differences = np.array([[1.0, 2.0, 3.0, 2.0]])  # variance 2/3; factor 1/4 + 1/3
    found = folds_test(differences, n_test=25, n_train=75)
    error = np.sqrt((1 / 4 + 1 / 3) * 2 / 3)
    assert found.value == 2
    assert found.interval == pytest.approx((2 - 3.182446 * error, 2 + 3.182446 * error), abs=1e-5)
    assert 0.04 < found.p < 0.06


def test_what_is_known_of_subjects_by_hand():
    """The parts are max(2/3 / 4, 0.1) and 4 * 25/75 * 0.1, of 3 and 9 degrees of freedom."""
    differences = np.array([[1.0, 2.0, 3.0, 2.0]])
    found = folds_test(differences, n_test=25, n_train=75, of_subjects=0.1, n_groups=10)
    parts = np.array([1 / 6, 4 / 30])
    freedom = parts.sum() ** 2 / (parts[0] ** 2 / 3 + parts[1] ** 2 / 9)
    reach = stats.t.ppf(0.975, freedom) * np.sqrt(parts.sum())
    assert found.interval == pytest.approx((2 - reach, 2 + reach))
    alike = folds_test(np.full((1, 4), 2.0), n_test=25, n_train=75, of_subjects=0.1, n_groups=10)
    assert alike.interval[0] < 2 < alike.interval[1], "equal folds are luck: subjects still differ"
    assert folds_test(np.full((1, 4), 2.0), 25, 75, of_subjects=0.0, n_groups=10).p == 0


def test_the_variance_of_subjects_counts_groups(rng):
    """Copies of a subject are one subject."""
    errors = {name: rng.lognormal(size=(1, 20, 3)) for name in "ab"}
    folds, groups = np.arange(20)[None] % 4, np.arange(20)
    alone = compare_folds(errors["a"], errors["b"], MEAN, folds, 15, groups)
    copied = {name: np.repeat(values, 3, axis=1) for name, values in errors.items()}
    together = compare_folds(copied["a"], copied["b"], MEAN, np.repeat(folds, 3, axis=1), 45, np.repeat(groups, 3))
    assert together.interval == pytest.approx(alone.interval)
    apart = compare_folds(copied["a"], copied["b"], MEAN, np.repeat(folds, 3, axis=1), 45)
    assert np.ptp(apart.interval) < 0.95 * np.ptp(alone.interval)


def test_one_training_each_gives_no_verdict(rng):
    errors = {name: rng.lognormal(size=(1, 20, 3)) for name in "ab"}
    found = verdicts(errors, errors, [MEAN], folds=None, groups=np.arange(20), n_train=60)
    assert not found[0]["significant"]
    assert "one training each" in found[0]["reason"]
    assert np.isfinite(found[0]["difference"])


def test_a_clear_difference_is_found_in_every_design(rng):
    errors = {"a": rng.lognormal(0, 0.3, (2, 60, 3)), "b": 2 * rng.lognormal(0, 0.3, (2, 60, 3))}
    groups = np.arange(60) // 2
    folds = np.tile(groups % 5, (2, 1))
    for design in (folds, None):
        found = verdicts(errors, errors, measures((1.0,), "px"), folds=design, groups=groups, n_train=48)
        assert found[0]["measure"] == "mean error"
        assert found[0]["better"] == "a"
        within = next(one for one in found if one["measure"] == "within 1 px")
        assert within["better"] == "a"
        assert within["difference"] < 0 < found[0]["difference"]  # b minus a: fewer within, more error


def test_saturated_measures_are_not_tested(rng):
    errors = {name: rng.lognormal(size=(2, 20, 3)) for name in "ab"}
    found = verdicts(
        errors, errors, measures((), "px", saturated=["PCK@0.2"]), folds=None, groups=np.arange(20), n_train=60
    )
    last = found[-1]
    assert (last["measure"], last["saturated"], last["p_holm"]) == ("PCK@0.2", True, None)
    assert "mean pose" in last["reason"]
    assert {one["family"] for one in found[1:-1]} == {2}  # the median and PCK@0.1


def test_a_joint_that_was_not_predicted_gives_no_verdict(rng):
    errors = {name: rng.lognormal(size=(2, 20, 3)) for name in "ab"}
    errors["a"][0, 0, 0] = np.inf
    for design in (None, np.tile(np.arange(20) % 4, (2, 1))):
        for more in range(2):
            errors["b"][:more, 0, 0] = np.inf
            found = verdicts(errors, errors, measures((1.0,), "px"), folds=design, groups=np.arange(20), n_train=60)
            assert not found[0]["significant"]
            assert "not predicted" in found[0]["reason"]
            assert np.isfinite(found[2]["p"]), "a joint that was not predicted is not within 1 px"


def test_seeds_by_hand():
    """Where subjects do not differ, the test of Welch on the means of the trainings."""
    levels = np.array([[1.0, 1.1, 1.3], [1.6, 1.5, 2.0]])
    errors = np.broadcast_to(levels[:, :, None, None], (2, 3, 20, 2))
    found, expected = seeds_test(*errors, MEAN, np.arange(20), 60), stats.ttest_ind(*levels, equal_var=False)
    assert found.value == pytest.approx(levels[0].mean() - levels[1].mean())
    assert found.p == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx(expected.confidence_interval())


def test_medians_are_those_of_drawn_groups(rng):
    errors = rng.lognormal(size=(2, 21, 3))
    errors[:, 4] = np.nan
    errors[1, 5, 2] = np.inf
    groups = np.arange(21) // 4
    drawn = rng.multinomial(6, np.full(6, 1 / 6), size=30)
    by_hand = [
        np.nanmedian(np.concatenate([errors[:, groups == group] for group in np.repeat(range(6), counts)], axis=1))
        for counts in drawn
    ]
    np.testing.assert_allclose(resampled._medians(errors, groups, drawn), by_hand)


def test_equal_machines_do_not_differ(rng):
    errors = rng.lognormal(size=(3, 20, 3))
    found = seeds_test(errors, errors, MEAN, np.arange(20), 60)
    assert (found.value, found.p) == (0, 1)


@pytest.mark.parametrize("design", DESIGNS)
def test_equal_machines_are_rarely_called_different(design):
    """At most 5 % of the trials in the long run; here at most 10 of 100, which chance exceeds once in a hundred."""
    found = share_called_different(WORLDS["100 subjects, 20 groups"], DESIGNS[design], 100, random_state=1)
    assert found["mean error"] <= 10


def test_a_real_difference_is_found_more_often():
    world, design = WORLDS["300 subjects, each a group"], DESIGNS["5 folds x 2"]
    assert share_called_different(world, design, 40, better=BETTER, random_state=1)["mean error"] > 50


def test_the_committed_simulation_holds_the_level():
    """At most 5 % of the trials, unless training subjects matter far more than measured."""
    result = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert result["trials"] >= 1000
    assert {row["data"] for row in result["rows"]} == {*WORLDS}
    assert len(result["rows"]) == 2 * len(WORLDS) * len(DESIGNS)
    assert result["measured"]["of_subjects"] < EXTREME / 2
    for row in result["rows"]:
        if not row["better_by"] and WORLDS[row["data"]].of_subjects < EXTREME:
            assert max(row["called_different"].values()) <= 5, row


def test_the_simulation_writes_its_result(tmp_path):
    assert main(["--trials", "1", "--jobs", "1", "--output", str(tmp_path / "found.json")]) == 0
    result = json.loads((tmp_path / "found.json").read_text())
    assert (result["trials"], result["measured"]) == (1, None)
    assert {row["data"] for row in result["rows"]} == {*WORLDS}
