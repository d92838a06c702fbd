import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemachines.evaluation import bootstrap_interval, interval, resampled_ratios
from posemachines.evaluation.uncertainty import draw_subjects


def ratios_one_by_one(hits, counts, n_resamples, random_state):
    """The same resamples, subject by subject."""
    people = counts.reshape(len(counts), -1).any(1)
    hits, counts = hits[people], np.broadcast_to(counts[people], hits[people].shape)
    drawn = draw_subjects(len(hits), n_resamples, random_state, np.float64)
    found = np.full((n_resamples, *hits.shape[1:]), np.nan)
    for resample, weights in enumerate(drawn):
        chosen = np.repeat(np.arange(len(hits)), weights.astype(int))
        above, below = hits[chosen].sum(0), counts[chosen].sum(0)
        found[resample] = np.where(below > 0, above / np.maximum(below, 1), np.nan)
    return found


@pytest.mark.parametrize("kind", [bool, np.int64, np.float64])
def test_equal_to_drawing_subjects_one_by_one(rng, kind):
    counts = rng.random((40, 3, 1)) < 0.6
    counts[5] = False
    hits = (rng.random((40, 3, 7)) * 5 * counts).astype(kind)
    ours = resampled_ratios(hits, counts, n_resamples=50, random_state=3)
    assert ours.shape == (50, 3, 7)
    expected = ratios_one_by_one(hits, counts, 50, 3)
    if kind is np.float64:
        np.testing.assert_allclose(ours, expected, rtol=1e-12)
    else:
        np.testing.assert_array_equal(ours, expected)


def test_large_counts_stay_exact():
    """Sums beyond 2**24 are not exact in float32 and are computed in float64."""
    counts = np.full(20, 2**23 + 1)
    hits = counts - np.arange(20)
    np.testing.assert_array_equal(
        resampled_ratios(hits, counts, n_resamples=30), ratios_one_by_one(hits, counts, 30, 0)
    )
    assert (resampled_ratios(counts, counts, n_resamples=30) == 1).all()


def test_the_same_subjects_are_drawn_for_every_ratio(rng):
    hits = rng.random((30, 4)) < 0.5
    counts = np.ones((30, 4), int)
    together = resampled_ratios(hits, counts, n_resamples=20)
    alone = resampled_ratios(hits[:, 2], counts[:, 2], n_resamples=20)
    np.testing.assert_array_equal(together[:, 2], alone)
    other = resampled_ratios(hits[:, 2], counts[:, 2], n_resamples=20, random_state=1)
    assert (other != alone).any()


def test_subjects_without_counts_change_nothing(rng):
    hits, counts = rng.integers(0, 5, 30), np.full(30, 5)
    more = resampled_ratios(np.append(hits, [0, 0]), np.append(counts, [0, 0]), n_resamples=20)
    np.testing.assert_array_equal(more, resampled_ratios(hits, counts, n_resamples=20))


def test_a_ratio_that_is_missing_in_some_resamples():
    counts = np.zeros((6, 2), int)
    counts[:, 0], counts[0, 1] = 1, 1
    drawn = resampled_ratios(counts, counts, n_resamples=200)
    assert np.isnan(drawn[:, 1]).any()
    low, high = interval(drawn)
    assert low.tolist() == high.tolist() == [1, 1]
    assert np.isnan(interval(np.full((5, 2), np.nan))).all()


@given(st.integers(0, 10_000), st.floats(0.5, 0.99))
def test_intervals_are_quantiles(seed, level):
    drawn = np.random.default_rng(seed).random((101, 2, 3))
    low, high = interval(drawn, level)
    np.testing.assert_allclose(low, np.quantile(drawn, (1 - level) / 2, axis=0))
    np.testing.assert_allclose(high, np.quantile(drawn, (1 + level) / 2, axis=0))
    assert (low <= high).all()


def test_intervals_cover_the_truth():
    """300 simulated data sets of easy and hard subjects: about 95 % of the intervals contain the true PCK."""
    rng = np.random.default_rng(1)
    chance = rng.beta(2, 1, (300, 120))  # of a correct joint, by data set and person; the mean is 2/3
    held = 0
    for easy in chance:
        distances = np.where(rng.random((120, 14)) < easy[:, None], 0.0, 1.0)
        low, high = bootstrap_interval(distances, 0.2, n_resamples=300)
        held += low <= 100 * 2 / 3 <= high
    assert 0.90 <= held / 300 <= 0.98


@pytest.mark.parametrize(
    ("hits", "counts", "settings", "match"),
    [
        (np.ones((3, 2)), np.ones(3), {}, r"both be \(N, \*S\)"),
        (np.ones(3), np.ones(4), {}, r"both be \(N, \*S\)"),
        (np.ones(3), -np.ones(3), {}, "count must be 0 or more"),
        (np.ones(3), np.ones(3), {"n_resamples": 0}, "at least 1"),
    ],
)
def test_wrong_arguments(hits, counts, settings, match):
    with pytest.raises(ValueError, match=match):
        resampled_ratios(hits, counts, **settings)


def test_wrong_level():
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval(np.ones((3, 1)), 95)
