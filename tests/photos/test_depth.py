"""The rule that brings deep pictures to 8 bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from posemachines.photos import DEPTH_RULE, to_eight_bits


def test_percentiles_span_the_range():
    values = np.arange(1001, dtype=np.uint16).reshape(7, 143) * 60
    eight = to_eight_bits(values)
    expected = np.clip((values / 60 - 5) / 990 * 255, 0, 255)
    assert np.abs(eight - expected).max() <= 0.51
    assert (eight.min(), eight.max()) == (0, 255)
    assert "0.5th" in DEPTH_RULE
    assert "99.5th" in DEPTH_RULE


@given(arrays(np.int32, (5, 7), elements=st.integers(-(2**30), 2**30)), st.integers(1, 9))
def test_order_is_kept_and_units_do_not_matter(values, unit):
    eight = to_eight_bits(values)
    order = np.argsort(values, axis=None)
    assert (np.diff(eight.ravel()[order].astype(int)) >= 0).all()
    np.testing.assert_allclose(eight.astype(int), to_eight_bits(values * float(unit) - 3).astype(int), atol=1)


def test_eight_bits_and_bools_stay():
    values = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert to_eight_bits(values) is values
    np.testing.assert_array_equal(to_eight_bits(values > 2), (values > 2) * 255)


def test_few_bright_pixels_are_seen():
    values = np.zeros((50, 50), np.uint16)
    values[3, 4] = 900
    eight = to_eight_bits(values)
    assert eight[3, 4] == 255
    assert eight.sum() == 255


def test_a_constant_photo_is_grey():
    assert (to_eight_bits(np.full((4, 5), 700, np.uint16)) == 128).all()


def test_colours_share_one_scale():
    values = np.zeros((20, 20, 3), np.uint16)
    values[..., 0] = np.arange(20) * 1000
    values[..., 1] = values[..., 0] // 2
    eight = to_eight_bits(values).astype(int)
    assert np.abs(eight[..., 0] - 2 * eight[..., 1])[:, 1:-1].max() <= 2
    assert not eight[..., 2].any()


def test_alpha_keeps_its_own_range():
    values = np.full((10, 10, 4), 65535, np.uint16)
    values[..., :3] = np.arange(100).reshape(10, 10, 1)
    values[0, :, :3], values[0, :, 3] = 60000, 0  # what is transparent does not set the scale
    eight = to_eight_bits(values)
    assert (eight[..., 3] == np.where(np.arange(10)[:, None] == 0, 0, 255)).all()
    assert eight[5, 5, 0] == pytest.approx((55 - 10) / 90 * 255, abs=3)


def test_what_is_not_finite():
    values = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)
    values[0, 0], values[9, 9] = np.nan, np.inf
    eight = to_eight_bits(values)
    assert (eight[0, 0], eight[9, 9]) == (0, 255)
    with pytest.raises(ValueError, match="no finite value"):
        to_eight_bits(np.full((3, 3), np.nan))
    with pytest.raises(ValueError, match="real numbers"):
        to_eight_bits(np.ones((3, 3), complex))
