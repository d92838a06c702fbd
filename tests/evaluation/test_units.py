"""Units of radial errors."""

import numpy as np
import pytest

from posemachines import PoseDataset
from posemachines.evaluation.units import parse_units
from posemachines.skeleton import Skeleton

WING = Skeleton("wing", ("base", "tip", "vein"))


def wings(**more):
    photos = [np.zeros((60, 100, 3), np.uint8)] * 2
    joints = np.array([[[10, 10, 1], [90, 10, 1], [50, 20, 1]], [[10, 10, 1], [0, 0, 0], [50, 40, 1]]], float)
    return PoseDataset(photos, joints, WING, **more)


ERRORS = np.array([[1.0, 2.0, 4.0], [1.0, np.nan, 4.0]])


def test_pixels_are_the_default():
    units = parse_units("auto", wings())
    assert (units.name, units.short) == ("pixels of the photo", "px")
    np.testing.assert_array_equal(units.of(ERRORS), ERRORS)


def test_millimetres_where_the_spacing_is_known():
    data = wings(mm_per_pixel=[0.5, 0.25])
    units = parse_units("auto", data)
    assert units.short == "mm"
    np.testing.assert_allclose(units.of(ERRORS)[:, 2], [2, 1])
    np.testing.assert_allclose(parse_units("0.1 mm/px", wings()).of(ERRORS)[:, 2], 0.4)
    assert parse_units("auto", wings(mm_per_pixel=[0.5, np.nan])).short == "px"
    assert np.isnan(parse_units("mm", wings(mm_per_pixel=[0.5, np.nan])).of(ERRORS)[1, 0])


def test_percent_of_lengths():
    np.testing.assert_allclose(parse_units("base:tip", wings()).of(ERRORS)[0], [1.25, 2.5, 5])
    assert np.isnan(parse_units("base:tip", wings()).of(ERRORS)[1]).all()  # its tip is not labelled
    np.testing.assert_allclose(parse_units("box", wings()).of(ERRORS)[:, 0], [1.25, 2.5])
    np.testing.assert_allclose(parse_units("constant 200", wings()).of(ERRORS)[:, 0], 0.5)


def test_subjects_that_are_not_scored_are_counted():
    assert parse_units("mm", wings(mm_per_pixel=[0.5, np.nan])).note.startswith("1 of 2 subjects are not scored")
    assert "distance from base to tip" in parse_units("base:tip", wings()).note
    assert "1 of 2 subjects have a known spacing" in parse_units("auto", wings(mm_per_pixel=[0.5, np.nan])).note
    for text in ("px", "auto", "box", "0.1 mm/px"):
        assert parse_units(text, wings()).note == ""


def test_some_subjects():
    units = parse_units("mm", wings(mm_per_pixel=[0.5, 0.25]))
    np.testing.assert_allclose(units.of(ERRORS[1:], [1])[0, 0], 0.25)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mm", "needs the spacing"),
        ("furlongs", "the landmarks are base, tip, vein"),
        ("base:base", "none of"),
        ("base:head", "none of"),
        ("constant -3", "positive number"),
        ("x mm/px", "positive number"),
    ],
)
def test_what_is_wrong_is_said(text, message):
    with pytest.raises(ValueError, match=message):
        parse_units(text, wings())


def test_a_length_that_nobody_has():
    data = wings()
    data.joints[:, 1] = 0
    with pytest.raises(ValueError, match="no subject has both base and tip"):
        parse_units("base:tip", data)
