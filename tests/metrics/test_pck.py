import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemachines import Skeleton
from posemachines.metrics import (
    limb_distances,
    normalised_distances,
    oks,
    pck,
    pck_curve,
    pckh,
    pcp,
    pdj,
    pixel_distances,
    pooled_pck,
    reference_length,
)

TRUTH = np.array([[[0, 0], [10, 0], [0, 20]], [[5, 5], [9, 9], [30, 5]]], float)
SCALE = np.array([10.0, 20.0])


def test_perfect_is_100():
    assert (pck(TRUTH, TRUTH, SCALE, threshold=0) == 100).all()


def test_exactly_at_the_threshold_counts():
    predicted = TRUTH + [[[2, 0], [0, 2], [0, 2.001]], [[4, 0], [0, -4.001], [4, 0]]]
    np.testing.assert_allclose(pck(predicted, TRUTH, SCALE), [100, 50, 50])


def test_unlabelled_joints_and_unknown_scales():
    predicted = TRUTH + [100, 0]
    predicted[0, 0] = TRUTH[0, 0]
    labelled = np.array([[1, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(pck(predicted, TRUTH, SCALE, labelled=labelled), [50, np.nan, 0])
    distances = normalised_distances(predicted, TRUTH, [10, np.nan], labelled=labelled)
    assert np.isnan(distances[1]).all()
    assert pooled_pck(distances, 0.2) == 50
    assert np.isnan(pooled_pck(distances * np.nan, 0.2))


def test_coordinates_of_unlabelled_joints_do_not_matter():
    predicted, truth = TRUTH.copy(), TRUTH.copy()
    truth[0, 0] = np.nan
    labelled = np.ones((2, 3), bool)
    labelled[0, 0] = False
    assert (pck(predicted, truth, SCALE, labelled=labelled) == 100).all()
    with pytest.raises(ValueError, match="not finite"):
        pck(predicted, truth, SCALE)


@given(st.floats(0.1, 50), st.floats(-100, 100), st.integers(0, 1000))
def test_scaling_and_shifting_the_frame_changes_nothing(zoom, shift, seed):
    predicted = TRUTH + np.random.default_rng(seed).normal(0, 3, TRUTH.shape)
    one = normalised_distances(predicted, TRUTH, SCALE)
    other = normalised_distances(predicted * zoom + shift, TRUTH * zoom + shift, SCALE * zoom)
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


@given(st.integers(0, 1000))
def test_curves_increase(seed):
    distances = np.random.default_rng(seed).exponential(0.2, (9, 3))
    curve = pck_curve(distances, np.linspace(0, 1, 11))
    assert (np.diff(curve, axis=0) >= 0).all()
    assert curve.shape == (11, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((TRUTH[0], TRUTH[0], SCALE), r"\(N, P, 2\)"),
        ((TRUTH, TRUTH[:, :2], SCALE), r"\(N, P, 2\)"),
        ((TRUTH, TRUTH, SCALE[:1]), "one length per subject"),
        ((TRUTH, TRUTH, [0, 10]), "positive and finite"),
        ((TRUTH, TRUTH, [np.inf, 10]), "positive and finite"),
    ],
)
def test_malformed_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        pck(*arguments)
    with pytest.raises(ValueError, match="labelled must be"):
        pck(TRUTH, TRUTH, SCALE, labelled=np.ones((2, 2)))


def test_reference_length():
    joints = np.concatenate([TRUTH, np.ones((2, 3, 1))], -1)
    torso = Skeleton("fork", ("a", "b", "c"), reference=("a", "b"))
    np.testing.assert_allclose(reference_length(joints, torso), [10, np.hypot(4, 4)])
    np.testing.assert_allclose(reference_length(joints, Skeleton.unnamed(3)), [20, 25])
    joints[1, 1, 2] = 0
    np.testing.assert_allclose(reference_length(joints, torso), [10, np.nan])
    np.testing.assert_allclose(reference_length(joints, Skeleton.unnamed(3)), [20, 25])
    joints[1, 2, 2] = 0
    assert np.isnan(reference_length(joints, Skeleton.unnamed(3))[1])


@pytest.mark.parametrize(
    "call",
    [
        lambda **mask: pck(TRUTH + 3, TRUTH, SCALE, **mask),
        lambda **mask: normalised_distances(TRUTH + 3, TRUTH, SCALE, **mask),
        lambda **mask: pckh(TRUTH + 3, TRUTH, SCALE, **mask),
        lambda **mask: pdj(TRUTH + 3, TRUTH, SCALE, **mask),
        lambda **mask: pcp(TRUTH + 3, TRUTH, [(0, 1)], **mask),
        lambda **mask: limb_distances(TRUTH + 3, TRUTH, [(0, 1)], **mask),
        lambda **mask: pixel_distances(TRUTH + 3, TRUTH, **mask),
        lambda **mask: oks(TRUTH + 3, TRUTH, SCALE**2, sigmas=[0.1] * 3, **mask),
    ],
)
def test_the_old_keyword_visible_is_deprecated(call):
    labelled = np.array([[1, 1, 0], [1, 0, 1]])
    with pytest.warns(DeprecationWarning, match="use labelled="):
        old = call(visible=labelled)
    np.testing.assert_array_equal(old, call(labelled=labelled))
