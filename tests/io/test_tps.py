"""TPS files."""

import numpy as np
import pytest

from posemachines import load_dataset
from posemachines.datasets import write_dataset
from posemachines.io.tps import read_tps, recognise_tps

from .toys import mice, same_labels, write_photo

BLOCK = "LM=2\n10 5\n0.5 0.5\nIMAGE=a.png\nID=17\nSCALE=0.25\n"


def _file(folder, text, *photos, size=(30, 20)):
    for photo in photos or ("a.png",):
        write_photo(folder / photo, size)
    (folder / "x.tps").write_text(text, encoding="utf-8")
    return folder / "x.tps"


def test_y_counts_from_the_bottom(tmp_path):
    found = read_tps(_file(tmp_path, BLOCK), unit="mm")
    np.testing.assert_allclose(found.joints[0], [[9.5, 14.5, 1], [0, 19, 1]])
    assert found.photos == ["a.png"]
    assert found.subjects == ["17"]
    assert found.stored
    assert found.skeleton.parts == ("1", "2")
    np.testing.assert_allclose(found.sizes, [[30, 20]])


def test_scripts_that_count_pixels(tmp_path):
    found = read_tps(_file(tmp_path, BLOCK), first_pixel=0)
    np.testing.assert_allclose(found.joints[0], [[10, 14, 1], [0.5, 18.5, 1]])


def test_several_specimens_with_photos_of_other_heights(tmp_path):
    file = _file(tmp_path, BLOCK + BLOCK.replace("a.png", "b.png"))
    write_photo(tmp_path / "b.png", (30, 40))
    found = read_tps(file)
    np.testing.assert_allclose(found.joints[:, 0, 1], [14.5, 34.5])


@pytest.mark.parametrize(("unit", "spacing"), [(None, 0.25), ("mm", 0.25), ("cm", 2.5), ("um", 0.00025)])
def test_scale_has_a_unit(tmp_path, unit, spacing):
    found = read_tps(_file(tmp_path, BLOCK), unit=unit)
    np.testing.assert_allclose(found.mm_per_pixel, [spacing])
    assert any("mm per pixel" in note for note in found.notes) == (unit is None)


def test_scales_that_say_nothing(tmp_path):
    file = _file(tmp_path, BLOCK)
    assert read_tps(file, unit="none").mm_per_pixel is None
    file.write_text(BLOCK.replace("0.25", "1.0"))
    found = read_tps(file)
    assert found.mm_per_pixel is None
    assert "no scale" in found.notes[0]
    with pytest.raises(ValueError, match="unit must be one of mm"):
        read_tps(file, unit="feet")
    file.write_text(BLOCK.replace("0.25", "-2"))
    with pytest.raises(ValueError, match="SCALE must be positive"):
        read_tps(file)


@pytest.mark.parametrize("missing", ["-1 -1", "NA NA", "-1.00000 -1.00000", "NaN\tNaN"])
def test_missing_landmarks(tmp_path, missing):
    found = read_tps(_file(tmp_path, BLOCK.replace("10 5", missing)))
    np.testing.assert_allclose(found.joints[0], [[0, 0, 0], [0, 19, 1]])


def test_specimens_that_were_not_digitised_are_left_out(tmp_path):
    found = read_tps(_file(tmp_path, "LM=0\nIMAGE=b.png\nID=3\n" + BLOCK, "a.png", "b.png"))
    assert found.photos == ["a.png"]
    assert "specimens without a landmark are left out: 1" in found.notes


def test_different_numbers_of_landmarks_are_listed(tmp_path):
    with pytest.raises(ValueError, match=r"LM=2 in 2 .*LM=1 in 1 \(specimen 2 \(b.png\)\)"):
        read_tps(_file(tmp_path, BLOCK + "LM=1\n3 4\nIMAGE=b.png\n" + BLOCK))


CURVES = "LM=1\n10 5\nCURVES=2\nPOINTS=2\n1 1\n2 2\nPOINTS=1\n3 3\nIMAGE=a.png\nID=0\n"


def test_curves_become_parts(tmp_path):
    found = read_tps(_file(tmp_path, CURVES))
    assert found.skeleton.parts == ("1", "curve1 1", "curve1 2", "curve2 1")
    np.testing.assert_allclose(found.joints[0, 3], [2.5, 16.5, 1])
    assert "the points of 2 curves are read as parts: 3" in found.notes


def test_different_curves_are_left_out(tmp_path):
    found = read_tps(_file(tmp_path, CURVES + CURVES.replace("POINTS=1\n3 3", "POINTS=2\n3 3\n4 4")))
    assert found.skeleton.parts == ("1",)
    assert "specimens have different curves, which are left out" in found.notes


def test_what_else_there_may_be(tmp_path):
    text = (
        "lm=2\r\n10,5 5,5\r\n1 1\r\nOUTLINES=1\r\nPOINTS=2\r\n1 1\r\n2 2\r\nRADII=2\r\n3 3\r\n"
        "COMMENT=a fish = b\r\nVARIABLES=sex=f\r\nIMAGE=C:\\Users\\me\\a.png\r\n"
    )
    found = read_tps(_file(tmp_path, "\ufeff" + text))
    np.testing.assert_allclose(found.joints[0, 0], [10, 14, 1])
    assert found.photos == ["C:\\Users\\me\\a.png"]
    assert "entries that are not read: COMMENT, OUTLINES, RADII, VARIABLES" in found.notes
    assert load_dataset(tmp_path / "x.tps").photos[0].name == "a.png"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("LM3=1\n1 2 3\nIMAGE=a.png\n", "three dimensions"),
        ("LM=2\n1 2\nIMAGE=a.png\n", "line 3: expected x and y, got 'IMAGE=a.png'; line 1 announces 2"),
        ("LM=2\n1 2\n", "the file ends after 1"),
        ("LM=1\n1 2\n3 4\nIMAGE=a.png\n", "line 3: expected an entry"),
        ("LM=1\n1 2\n", "no IMAGE="),
        ("LM=x\n", "'x' is no number of points"),
        ("LM=1\n1 2\nSCALE=big\nIMAGE=a.png", "SCALE is not a number"),
        ("LM=0\nIMAGE=a.png", "none of its 1 specimens has a landmark"),
        ("ID=3\n", "expected an entry such as LM=12"),
        ("", "no specimen"),
    ],
)
def test_damaged_files(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_tps(_file(tmp_path, text))


def test_photos_that_are_missing(tmp_path):
    blocks = "".join(BLOCK.replace("a.png", f"{i}.png") for i in range(10))
    file = _file(tmp_path, blocks, *[f"{i}.png" for i in range(9)])
    found = read_tps(file)
    assert len(found) == 9
    assert any("1 of 10 photos" in note for note in found.notes)
    with pytest.raises(FileNotFoundError, match=r"9\.png"):
        read_tps(file, max_missing=0.05)
    assert len(load_dataset(file, max_missing=0.2)) == 9


def test_other_photos_are_pointed_out(tmp_path):
    found = read_tps(_file(tmp_path, BLOCK.replace("10 5", "300 5")))
    assert any("outside their photos: 1" in note for note in found.notes)


def test_recognition(tmp_path):
    assert recognise_tps(_file(tmp_path, BLOCK)) == "read as TPS: it begins with LM="
    (tmp_path / "a.txt").write_text("LMAO\n")
    assert recognise_tps(tmp_path / "a.txt") is None
    assert recognise_tps(tmp_path) is None


@pytest.mark.parametrize("where", [".", "labels"])
def test_round_trip(tmp_path, where):
    data = mice(tmp_path, mm_per_pixel=[0.1, np.nan, 0.3])
    notes = write_dataset(data, tmp_path / where / "mice.tps")
    assert "1 nose, 2 left_ear" in " ".join(notes)
    assert "which joints are hidden" in notes[0]
    found = load_dataset(tmp_path / where / "mice.tps", tmp_path, unit="mm")
    same_labels(found, data)
    assert [photo.name for photo in map(_path, found.photos)] == ["img0.png", "img1.png", "img2.png"]
    np.testing.assert_allclose(found.mm_per_pixel, data.mm_per_pixel)


def _path(photo):
    from posemachines.photos import split_reference

    return split_reference(photo)[0]
