import numpy as np
import pytest

from posemachines.metrics import reliability


def test_calibrated_scores():
    rng = np.random.default_rng(0)
    scores = rng.random(50_000)
    result = reliability(scores, rng.random(50_000) < scores)
    assert result.error < 0.01
    np.testing.assert_allclose(result.score, np.arange(0.05, 1, 0.1), atol=0.01)
    assert result.count.sum() == 50_000


def test_known_values():
    result = reliability(np.array([[0.1, 0.1], [0.9, 1.0]]), np.array([[False, True], [True, True]]), n_bins=2)
    np.testing.assert_allclose(result.score, [0.1, 0.95])
    np.testing.assert_allclose(result.rate, [0.5, 1])
    np.testing.assert_array_equal(result.count, [2, 2])
    assert result.error == pytest.approx((0.4 + 0.05) / 2)


def test_empty_bins_are_omitted():
    assert len(reliability([0.05, 0.95], [False, True]).score) == 2


def test_always_certain_and_always_wrong():
    assert reliability(np.ones(5), np.zeros(5, bool)).error == 1


@pytest.mark.parametrize(
    ("scores", "outcomes", "options", "message"),
    [
        ([0.5], [True, False], {}, "same length"),
        ([], [], {}, "same length"),
        ([1.2], [True], {}, r"\[0, 1\]"),
        ([np.nan], [True], {}, r"\[0, 1\]"),
        ([0.5], [True], {"n_bins": 0}, "n_bins"),
    ],
)
def test_malformed_input(scores, outcomes, options, message):
    with pytest.raises(ValueError, match=message):
        reliability(scores, outcomes, **options)
