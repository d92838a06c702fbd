import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from posemachines.evaluation import compare_machines, holm, wilcoxon


def test_holm_by_hand():
    """Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1; never below the previous one."""
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])
    assert holm([0.02]) == pytest.approx([0.02])
    assert holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_none_and_bonferroni(p_values):
    corrected = holm(p_values)
    assert (corrected >= np.array(p_values)).all()
    assert (corrected <= np.minimum(1, len(p_values) * np.array(p_values)) + 1e-12).sum() >= 1
    assert (np.argsort(corrected, kind="stable") >= 0).all()
    assert corrected.min() == pytest.approx(min(1, len(p_values) * min(p_values)))


def test_wilcoxon_is_exact_for_few_subjects():
    values = np.array([0.1, 0.3, -0.2, 0.5, 0.4, 0.6])
    assert wilcoxon(values) == pytest.approx(stats.wilcoxon(values, method="exact").pvalue)
    assert wilcoxon([0.25] * 5) == 2 / 2**5, "equal signs, ties included"
    assert wilcoxon([0.25, -0.25]) == wilcoxon([0.25]) == 1


def test_zeros_are_ranked_then_dropped():
    """With three zeros, the ranks are 4 and 5: |W| is 1 for opposite signs and 9 for equal ones."""
    assert wilcoxon([0, 0, 0, 0.1, 0.2]) == 0.5
    assert wilcoxon([0, 0]) == wilcoxon([]) == 1
    many = np.r_[np.zeros(30), np.arange(1, 15), -np.arange(1, 6)] / 14
    assert wilcoxon(many) == pytest.approx(stats.wilcoxon(many, zero_method="pratt").pvalue)


def made_machines(rng, n_people, chances, n_parts=14):
    hard = rng.normal(0, 0.8, (n_people, 1))
    return {
        name: np.where(rng.random((n_people, n_parts)) < 1 / (1 + np.exp(hard - chance)), 0.0, 1.0)
        for name, chance in chances.items()
    }


def test_a_better_machine_wins(rng):
    machines = made_machines(rng, 200, {"bad": 0.0, "good": 0.6, "better": 1.4})
    machines["bad"][:3] = machines["good"][:3] = machines["better"][:3] = np.nan
    found = compare_machines(machines, (0.1, 0.2))
    pairs = [(each["a"], each["b"], each["threshold"]) for each in found]
    named = [("good", "bad"), ("better", "bad"), ("better", "good")]
    assert pairs == [(*pair, limit) for pair, limit in itertools.product(named, (0.1, 0.2))]
    for each in found:
        assert each["significant"] is True
        assert 0 < each["interval"][0] <= each["difference"] <= each["interval"][1]
        assert each["family"] == 6
        assert each["n_people"] == 197
        assert each["p_wilcoxon"] <= each["p_holm"] < 0.05
        assert each["p_bootstrap"] == 2 / 1001


def test_identical_machines_never_win(rng):
    (distances,) = made_machines(rng, 50, {"one": 0.5}).values()
    for each in compare_machines({"one": distances, "copy": distances.copy()}):
        assert each["difference"] == 0
        assert each["p_wilcoxon"] == each["p_holm"] == each["p_bootstrap"] == 1
        assert each["significant"] is False


def test_false_positives_are_rare():
    """In 200 comparisons of three equal machines, at most about one in twenty finds a significant difference."""
    rng = np.random.default_rng(5)
    alike = {"a": 0.5, "b": 0.5, "c": 0.5}
    wrong = sum(
        any(each["significant"] for each in compare_machines(made_machines(rng, 60, alike), (0.2,), n_resamples=200))
        for _ in range(200)
    )
    assert wrong / 200 <= 0.08


def test_significance_needs_an_interval_without_0():
    """Most subjects are slightly better, few with many labels are far worse: the two tests disagree."""
    one, other = np.ones((40, 14)), np.ones((40, 14))
    one[:, 1:], other[:, 1:] = np.nan, np.nan
    one[:30, 0] = 0
    one[30:34], other[30:34] = 1, 0
    (found,) = compare_machines({"other": other, "one": one}, (0.2,))
    assert found["p_holm"] < 0.05
    assert found["interval"][0] < 0 < found["interval"][1]
    assert found["significant"] is False


def test_significance_needs_tests_that_favour_the_same_machine():
    """Three subjects in four lose one joint of ten, the others gain all ten."""
    one, other = np.ones((400, 10)), np.ones((400, 10))
    other[:300, 0] = 0
    one[300:] = 0
    (found,) = compare_machines({"other": other, "one": one}, (0.2,))
    assert found["p_holm"] < 0.05
    assert found["interval"][0] > 0
    assert found["significant"] is False


def test_different_subjects_cannot_be_compared(rng):
    with pytest.raises(ValueError, match="same joints"):
        compare_machines({"a": rng.random((5, 3)), "b": rng.random((6, 3))})
