"""PCKh, PDJ, PCP, errors, averages and areas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemachines.metrics import (
    area_under_curve,
    average,
    box_length,
    head_length,
    limb_distances,
    localisation_error,
    normalised_distances,
    pair_length,
    pck,
    pck_curve,
    pckh,
    pcp,
    pdj,
    pixel_distances,
    pooled_pck,
    torso_diameter,
    within,
)

TRUTH = np.array([[[0, 0], [10, 0], [0, 20]], [[5, 5], [9, 9], [30, 5]]], float)
LIMBS = [(0, 1), (0, 2)]
SEEDS = st.integers(0, 10_000)


def moved(seed, spread=6.0):
    rng = np.random.default_rng(seed)
    return TRUTH + rng.normal(0, spread, TRUTH.shape)


# -- thresholds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.05, 0.1, 0.15, 0.2, 0.3, 0.35, 0.5, 0.6, 0.7])
@pytest.mark.parametrize("length", [0.3, 3.0, 7.0, 49.0, 117.96219733])
def test_exactly_at_the_threshold_counts_despite_rounding(threshold, length):
    truth = np.zeros((3, 1, 2))
    off = threshold * length
    predicted = np.array([[[off, 0]], [[-off, 0]], [[0, off * (1 + 1e-6)]]])
    assert pck(predicted, truth, np.full(3, length), threshold=threshold)[0] == pytest.approx(200 / 3)
    distances = normalised_distances(predicted, truth, np.full(3, length))
    assert pooled_pck(distances, threshold) == pytest.approx(200 / 3)


def test_within():
    assert within([0.1 + 0.2, 0.30001, np.nan, np.inf], 0.3).tolist() == [True, False, False, False]


# -- lengths --------------------------------------------------------------------------------------------------------


def test_lengths():
    joints = np.dstack([TRUTH, np.ones((2, 3))])
    np.testing.assert_allclose(pair_length(joints, 0, 2), [20, 25])
    np.testing.assert_allclose(torso_diameter(TRUTH, 0, 1), [10, np.hypot(4, 4)])
    np.testing.assert_allclose(box_length(TRUTH), [20, 25])
    np.testing.assert_allclose(box_length(TRUTH, side="diagonal"), [np.hypot(10, 20), np.hypot(25, 4)])
    joints[0, 2, 2] = 0
    np.testing.assert_allclose(pair_length(joints, 0, 2), [np.nan, 25])
    np.testing.assert_allclose(box_length(joints), [10, 25])
    assert np.isnan(pair_length(TRUTH * 0, 0, 1)).all()
    np.testing.assert_allclose(head_length([[0, 0, 3, 4], [9, 9, 6, 5], [1, 1, 1, 1]]), [3, 3, np.nan])
    np.testing.assert_allclose(head_length([[0, 0, 3, 4]], share=1), [5])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pair_length(TRUTH, 0, 3), "there is no part 3"),
        (lambda: pair_length(TRUTH[0], 0, 1), r"\(N, P, 3\)"),
        (lambda: box_length(TRUTH, side="shorter"), "'longer' or 'diagonal'"),
        (lambda: head_length(np.ones((2, 3))), r"\(N, 4\)"),
        (lambda: head_length(np.ones((2, 4)), share=0), "share must be positive"),
        (lambda: pcp(TRUTH, TRUTH, [(0, 3)]), "limbs has parts 0..3"),
        (lambda: pcp(TRUTH, TRUTH, [0, 1]), "pairs of part indices"),
        (lambda: pcp(TRUTH, TRUTH[:1], LIMBS), r"\(N, P, 2\)"),
        (lambda: pcp(TRUTH, TRUTH, LIMBS, labelled=np.ones((2, 2))), "labelled must be"),
        (lambda: pcp(TRUTH * np.nan, TRUTH, LIMBS), "not finite"),
        (lambda: pdj(TRUTH, TRUTH, [1, 1], []), "at least one"),
        (lambda: localisation_error(np.ones((2, 3)), statistic="mode"), "'mean' or 'median'"),
        (lambda: localisation_error(np.ones((2, 3)), mean="all", statistic="median"), "'pooled' or 'parts'"),
        (lambda: average(np.ones((2, 3)), mean="all"), "'pooled' or 'parts'"),
        (lambda: average(np.ones(3), mean="parts"), r"\(N, P\)"),
        (lambda: area_under_curve([0.1], [1]), "at least two"),
        (lambda: area_under_curve([0.1, 0.1], [1, 2]), "increasing"),
        (lambda: area_under_curve([0, 0.1], [1, 2, 3]), "one entry"),
        (lambda: area_under_curve([0, 0.1], [1, 2], upto=0.2), "upto must lie"),
    ],
)
def test_malformed(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# -- values ---------------------------------------------------------------------------------------------------------


def test_pckh_and_pdj():
    head = head_length([[0, 0, 30, 40], [0, 0, 60, 80]])  # 30 and 60 px
    predicted = TRUTH + [[[15, 0]], [[0, 30.1]]]
    np.testing.assert_allclose(pckh(predicted, TRUTH, head), [50, 50, 50])
    np.testing.assert_array_equal(pckh(predicted, TRUTH, head, labelled=[[0, 1, 0], [1, 1, 1]]), [0, 50, 0])
    curve = pdj(predicted, TRUTH, head, [0.4, 0.5, 0.51])
    np.testing.assert_allclose(curve[:, 0], [0, 50, 100])
    assert pdj(TRUTH, TRUTH, head).shape == (51, 3)


def test_pcp_by_hand():
    predicted = TRUTH.copy()
    predicted[0, 1] += [
        8,
        0,
    ]  # limb 0-1 is 10 px long; one end is off by 8 px: correct if loose (mean 4), not if strict
    np.testing.assert_allclose(pcp(predicted, TRUTH, LIMBS), [50, 100])
    np.testing.assert_allclose(pcp(predicted, TRUTH, LIMBS, strict=False), [100, 100])
    np.testing.assert_allclose(limb_distances(predicted, TRUTH, LIMBS)[0], [0.8, 0])
    np.testing.assert_allclose(limb_distances(predicted, TRUTH, LIMBS, strict=False)[0], [0.4, 0])
    predicted[0, 1] = TRUTH[0, 1] + [5, 0]
    np.testing.assert_allclose(pcp(predicted, TRUTH, LIMBS), [100, 100])  # exactly half


def test_pcp_masks():
    predicted, labelled = TRUTH.copy(), np.ones((2, 3), bool)
    predicted[0, 1], labelled[0, 1] = np.nan, False
    np.testing.assert_array_equal(pcp(predicted, TRUTH, LIMBS, labelled=labelled), [100, 100])
    assert np.isnan(limb_distances(predicted, TRUTH, LIMBS, labelled=labelled)[0, 0])
    labelled[:, 0] = False
    assert np.isnan(pcp(predicted, TRUTH, LIMBS, labelled=labelled)).all()
    point = TRUTH.copy()
    point[0, 1] = point[0, 0]
    assert np.isnan(limb_distances(point, point, LIMBS)[0, 0])  # a limb of zero length


def test_errors():
    predicted = TRUTH + [[[3, 4], [0, 0], [6, 8]], [[0, 5], [0, 1], [0, 100]]]
    distances = pixel_distances(predicted, TRUTH)
    np.testing.assert_allclose(distances, [[5, 0, 10], [5, 1, 100]])
    assert localisation_error(distances) == pytest.approx(121 / 6)
    assert localisation_error(distances, statistic="median") == 5
    distances[1, 2] = np.nan
    assert localisation_error(distances) == pytest.approx(21 / 5)
    assert localisation_error(distances, mean="parts") == pytest.approx((5 + 0.5 + 10) / 3)
    assert localisation_error(distances, mean="parts", statistic="median") == pytest.approx((5 + 0.5 + 10) / 3)
    for mean in ("pooled", "parts"):
        assert np.isnan(localisation_error(distances * np.nan, mean=mean, statistic="median"))
        assert np.isnan(localisation_error(distances * np.nan, mean=mean))


def test_pooled_and_parts_differ_where_labels_are_missing():
    hits = np.array([[100, 0], [100, np.nan], [100, np.nan]])
    assert average(hits, mean="pooled") == 75
    assert average(hits, mean="parts") == 50


def test_area():
    thresholds = np.linspace(0, 0.5, 51)
    assert area_under_curve(thresholds, np.full(51, 100.0)) == pytest.approx(100)
    assert area_under_curve(thresholds, 200 * thresholds) == pytest.approx(50)
    assert area_under_curve(thresholds, 200 * thresholds, upto=0.25) == pytest.approx(25)
    assert area_under_curve(thresholds, 200 * thresholds, upto=0.105) == pytest.approx(10.5)
    assert area_under_curve([0, 1, 3], [0, 100, 100]) == pytest.approx(250 / 3)
    several = area_under_curve([0, 1], [[0, 100, 50], [100, 100, 50]])
    np.testing.assert_allclose(several, [50, 100, 50])


# -- invariants -----------------------------------------------------------------------------------------------------


@given(SEEDS)
def test_perfect_is_100(seed):
    truth = moved(seed)
    assert (pcp(truth, truth, LIMBS, threshold=0) == 100).all()
    assert (pckh(truth, truth, [3, 4], threshold=0) == 100).all()
    assert (pdj(truth, truth, torso_diameter(truth, 0, 1)) == 100).all()
    assert localisation_error(pixel_distances(truth, truth)) == 0


@given(SEEDS, st.floats(0.1, 50), st.floats(-100, 100))
def test_limbs_do_not_depend_on_the_frame(seed, zoom, shift):
    for strict in (True, False):
        one = limb_distances(moved(seed), TRUTH, LIMBS, strict=strict)
        other = limb_distances(moved(seed) * zoom + shift, TRUTH * zoom + shift, LIMBS, strict=strict)
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


@given(SEEDS)
def test_strict_never_exceeds_loose(seed):
    predicted = moved(seed)
    for threshold in (0.2, 0.5, 1.0):
        strict = pcp(predicted, TRUTH, LIMBS, threshold=threshold)
        assert (strict <= pcp(predicted, TRUTH, LIMBS, strict=False, threshold=threshold)).all()


@given(SEEDS)
def test_curves_increase_and_the_order_of_subjects_does_not_matter(seed):
    predicted = moved(seed)
    curve = pdj(predicted, TRUTH, [20, 25])
    assert (np.diff(curve, axis=0) >= 0).all()
    np.testing.assert_array_equal(curve, pdj(predicted[::-1], TRUTH[::-1], [25, 20]))
    limbs = limb_distances(predicted, TRUTH, LIMBS)
    assert (np.diff(pck_curve(limbs, np.linspace(0, 2, 9)), axis=0) >= 0).all()
    assert average(limbs, mean="pooled") == pytest.approx(average(limbs[::-1], mean="pooled"))
