"""Subjects from single points: duplicates, omissions, spellings, and several subjects in one."""

from pathlib import Path

import numpy as np
import pytest

from posemachines.io.labelled_points import LabelledPoint, LabelledSubject, assemble, is_true, natural_key

HOW = "give each subject a number"


def subject(photo, *parts, **more):
    return LabelledSubject(photo, [LabelledPoint(part, x, 2 * x) for x, part in enumerate(parts)], **more)


def made(*subjects, **more):
    return assemble("set", subjects, Path("file"), several=HOW, **more)


def test_the_first_of_two_points_is_taken_and_said():
    found = made(subject("a", "nose", "ear", "tail", "ear"))
    np.testing.assert_array_equal(found.joints[0, 1], [1, 2, 1])
    assert "labels that occur twice in a subject, where the first is taken: 'ear' in a" in found.notes


def test_omissions_are_listed_the_rarest_first():
    found = made(*(subject(f"p{n}", "nose", "tail", "ear") for n in range(3)), subject("x", "nose", "ear"),
                 subject("y", "nose"))  # fmt: skip
    assert found.notes == (
        "parts that are not labelled in all 5 subjects: 'tail' of 2 (first x), 'ear' of 1 (first y)",
    )


def test_nothing_is_said_where_all_is_well():
    found = made(subject("a", "nose", "ear"), subject("b", "ear", "nose"))
    assert found.notes == ()
    assert (found.boxes, found.sizes, found.groups, found.subjects, found.splits, found.occluded) == (None,) * 6


def test_spelling_variants_stay_apart_and_are_said():
    found = made(subject("a", "left_ear", "tail"), subject("b", "Left ear", "tail"), subject("c", "Left ear"))
    assert found.skeleton.parts == ("left_ear", "tail", "Left ear")
    assert found.notes[0].startswith("'left_ear' (once) and 'Left ear' (2 times) differ in spelling only")


def test_several_subjects_in_one_are_left_out_or_refused():
    good = [subject(f"p{n}", "nose", "ear") for n in range(19)]
    crowd = subject("crowd", "nose", "ear", "nose", "ear")
    found = made(*good, crowd)
    assert len(found) == 19
    assert found.notes[0] == (
        "left out: crowd, where most parts occur several times; if these are several subjects, give each subject a "
        "number"
    )
    with pytest.raises(ValueError, match="1 of 2 subjects have most parts several times, such as 'nose' in crowd"):
        made(good[0], crowd)


def test_points_that_all_have_one_label_are_refused():
    with pytest.raises(ValueError, match="name each part of a subject differently, and give each subject a number"):
        made(subject("a", *["point"] * 4), subject("b", *["point"] * 4))


def test_order_of_parts():
    assert made(subject("a", "10", "9", "1")).skeleton.parts == ("1", "9", "10")
    assert made(subject("a", "rib2", "rib1", "tail2")).skeleton.parts == ("rib1", "rib2", "tail2")
    assert made(subject("a", "b", "a"), parts=["never", "a"]).skeleton.parts == ("a", "b")


def test_limbs_of_parts_that_are_there():
    found = made(subject("a", "x", "y"), limbs=[("x", "y"), ("y", "z"), ("x", "x")])
    assert found.skeleton.limbs == ((0, 1),)


def test_sides_without_a_counterpart_switch_mirroring_off():
    assert made(subject("a", "left_ear", "right_ear")).skeleton.pairs == ((1, 0),)
    assert made(subject("a", "left_ear", "right_ear", "left_paw")).skeleton.pairs == ()


def test_boxes_without_a_size_are_left_out():
    found = made(subject("a", "x", box=(1, 1, 0, 5)), subject("b", "x", box=(1, 2, 3, 4)))
    assert np.isnan(found.boxes[0]).all()
    assert "bounding boxes without a size are left out: 1" in found.notes


def test_nothing_and_nowhere():
    with pytest.raises(ValueError, match="file has no labelled point"):
        made(subject("a"))
    with pytest.raises(ValueError, match=r"'x' of a is at \(nan, 1\), nowhere"):
        made(LabelledSubject("a", [LabelledPoint("x", float("nan"), 1)]))


@pytest.mark.parametrize("value", [True, 1, "1", "true", "Yes", {"occluded": True}])
def test_yes(value):
    assert is_true(value)


@pytest.mark.parametrize("value", [False, 0, "0", "no", "", None, {"occluded": False}, {}])
def test_no(value):
    assert not is_true(value)


def test_natural_key():
    assert sorted(["b10", "b9", "a", "10", "9"], key=natural_key) == ["9", "10", "a", "b9", "b10"]
