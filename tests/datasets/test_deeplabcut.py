"""DeepLabCut's CSV files, read and written."""

import csv

import numpy as np
import pytest

from posemachines.datasets import load_deeplabcut, write_deeplabcut
from posemachines.skeleton import LSP

from .formats import same


def test_deeplabcut(saved):
    root, people, files = saved
    found = load_deeplabcut(files["csv"], root / "images", limbs=(("neck", "head top"),))
    same(found.joints, people.joints)
    assert found.skeleton.parts == LSP.parts
    assert len(found.skeleton.pairs) == 6
    assert found.skeleton.limbs == ((12, 13),)
    assert found.crop_rule == "joints"
    assert load_deeplabcut(files["csv"], root / "images", pairs=()).skeleton.pairs == ()


def write_rows(path, rows):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    return path


HEAD = [["scorer", "", "", *["me"] * 6], ["bodyparts", "", "", *["snout"] * 3, *["tail"] * 3],
        ["coords", "", "", *["x", "y", "likelihood"] * 2]]  # fmt: skip


def test_deeplabcut_with_three_columns_of_names(saved, tmp_path):
    root, _, _ = saved
    rows = [["labeled-data", "video", "figure00.png", 1.5, 2, 0.9, "", "", ""],
            ["labeled-data", "video", "figure01.png", *[""] * 6],
            ["labeled-data", "video", "figure02.png", 1, 2, 0.9, 3, 4, 0.1]]  # fmt: skip
    found = load_deeplabcut(write_rows(tmp_path / "a.csv", HEAD + rows), root / "images")
    assert list(found.photo_ids) == ["labeled-data/video/figure00.png", "labeled-data/video/figure02.png"]
    np.testing.assert_array_equal(found.joints, [[[1.5, 2, 1], [0, 0, 0]], [[1, 2, 1], [3, 4, 1]]])


def test_deeplabcut_with_several_animals(saved, tmp_path):
    root, _, _ = saved
    heads = [
        ["scorer", *["me"] * 10],
        ["individuals", *["a"] * 4, *["b"] * 4, *["single"] * 2],
        ["bodyparts", *["snout", "snout", "tail", "tail"] * 2, "corner", "corner"],
        ["coords", *["x", "y"] * 5],
    ]
    rows = [["figure00.png", 1, 2, 3, 4, 5, 6, 7, 8, 9, 9], ["figure01.png", *[""] * 4, 5, 6, 7, 8, 9, 9]]
    found = load_deeplabcut(write_rows(tmp_path / "a.csv", heads + rows), root / "images")
    assert found.skeleton.parts == ("snout", "tail")
    assert list(found.photo_ids) == ["figure00.png", "figure00.png", "figure01.png"]
    np.testing.assert_array_equal(found.joints[:, 0, 0], [1, 5, 5])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["image", "x"], ["a", 1]], "begins with 'image', not with DeepLabCut's rows"),
        ([*HEAD, ["a", "b", "c", 1]], "row 4 has 4 columns; its heads have 9"),
        ([*HEAD, ["a", "b", "c", "one", *[1] * 5]], "row 4, column 4 is not a number: 'one'"),
        ([*HEAD, ["a", "b", "c", *[""] * 6]], "no labelled landmark"),
        ([*HEAD[:2], ["coords", *["likelihood"] * 8]], "neither x nor y"),
        (
            [["scorer", "m", "m"], ["bodyparts", "a", "a"], ["coords", "x", "x"], ["p", 1, 2]],
            "two columns 'a x'",
        ),
        ([*HEAD, ["a", "b", "c.png", *[1] * 6]], r"1 of 1 photos .* a/b/c\.png first"),
    ],
)
def test_damaged_deeplabcut(saved, tmp_path, rows, message):
    root, _, _ = saved
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        load_deeplabcut(write_rows(tmp_path / "a.csv", rows), root / "images")


def test_several_subjects_of_a_photo_are_individuals(saved, tmp_path):
    root, people, _ = saved
    write_deeplabcut(tmp_path / "a.csv", people[[0, 0, 1]])
    found = load_deeplabcut(tmp_path / "a.csv", root / "images")
    same(found.joints, people.joints[[0, 0, 1]])
