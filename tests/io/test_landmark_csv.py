"""Plain tables of landmarks."""

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemachines import load_dataset
from posemachines.datasets import write_dataset
from posemachines.io.landmark_csv import read_landmark_csv, recognise_landmark_csv, write_landmark_csv
from posemachines.io.text_tables import to_number

from .toys import MOUSE, mice, same_labels

EXPECTED = [[[1, 2, 1], [3.5, 4, 1]], [[5, 6, 1], [0, 0, 0]]]
ROWS = [["a.png", "1", "2", "3.5", "4"], ["b.png", "5", "6", "", ""]]


def _csv(folder, *lines, name="x.csv", encoding="utf-8"):
    (folder / name).write_bytes("\n".join(lines).encode(encoding))
    return folder / name


@pytest.mark.parametrize("image", ["image", "Image", "file", "filename", "File Name", "photo", "path", "frame", "name"])
@pytest.mark.parametrize(
    ("heads", "parts"),
    [
        ("ear_x ear_y nose_x nose_y", ("ear", "nose")),
        ("ear.x ear.y nose.x nose.y", ("ear", "nose")),
        ("x_ear y_ear x_nose y_nose", ("ear", "nose")),
        ("x1 y1 x2 y2", ("1", "2")),
        ("X1 Y1 X2 Y2", ("1", "2")),
        ("x_1 y_1 x_2 y_2", ("1", "2")),
        ("earX earY noseX noseY", ("ear", "nose")),
    ],
)
def test_heads_of_wide_tables(tmp_path, image, heads, parts):
    found = read_landmark_csv(_csv(tmp_path, ",".join([image, *heads.split()]), *map(",".join, ROWS)))
    assert found.photos == ["a.png", "b.png"]
    assert found.skeleton.parts == parts
    np.testing.assert_array_equal(found.joints, EXPECTED)


@pytest.mark.parametrize("part", ["part", "landmark", "bodypart", "keypoint", "label"])
def test_long_tables(tmp_path, part):
    lines = [f"image,{part},x,y", "a.png,ear,1,2", "a.png,nose,3.5,4", "b.png,ear,5,6", "b.png,nose,,"]
    found = read_landmark_csv(_csv(tmp_path, *lines))
    assert found.skeleton.parts == ("ear", "nose")
    np.testing.assert_array_equal(found.joints, EXPECTED)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize(("separator", "point"), [(",", "."), (";", ","), ("\t", ","), (";", "."), ("|", ".")])
def test_spreadsheets(tmp_path, encoding, separator, point):
    rows = [separator.join(row).replace(".5", f"{point}5") for row in ROWS]
    head = separator.join(["image", "öhr_x", "öhr_y", "nose_x", "nose_y"]) + separator * 2
    found = read_landmark_csv(_csv(tmp_path, head, *rows, "", separator, encoding=encoding))
    assert found.skeleton.parts == ("öhr", "nose")
    np.testing.assert_array_equal(found.joints, EXPECTED)


def test_decimal_commas_between_commas(tmp_path):
    file = _csv(tmp_path, "image,ear_x,ear_y", "a.png,1,5,2,5")
    with pytest.raises(ValueError, match="decimal commas"):
        read_landmark_csv(file)
    quoted = _csv(tmp_path, "image,ear_x,ear_y", 'a.png,"1,5","2,5"')
    np.testing.assert_array_equal(read_landmark_csv(quoted).joints, [[[1.5, 2.5, 1]]])


@pytest.mark.parametrize("cell", ["", "NA", "nan", "NaN", " ", "null"])
def test_missing_cells(tmp_path, cell):
    found = read_landmark_csv(_csv(tmp_path, "image,ear_x,ear_y,nose_x,nose_y", f"a.png,1,2,{cell},{cell}"))
    np.testing.assert_array_equal(found.joints[0, :, 2], [1, 0])


def test_rows_without_landmarks_are_left_out(tmp_path):
    found = read_landmark_csv(_csv(tmp_path, "image,ear_x,ear_y", "a.png,1,2", "b.png,,"))
    assert found.photos == ["a.png"]
    assert "1 of 2 rows have no landmark and are left out" in found.notes


@pytest.mark.parametrize(
    ("column", "cells", "labelled", "hidden"),
    [
        ("visible", ["1", "0", "1"], [1, 1, 1], [0, 1, 0]),
        ("visible", ["2", "1", "0"], [1, 1, 0], [0, 1, 0]),
        ("visibility", ["true", "false", "true"], [1, 1, 1], [0, 1, 0]),
        ("occluded", ["0", "1", ""], [1, 1, 1], [0, 1, 0]),
        ("hidden", ["no", "yes", "no"], [1, 1, 1], [0, 1, 0]),
    ],
)
@pytest.mark.parametrize("layout", ["wide", "long"])
def test_visibility(tmp_path, column, cells, labelled, hidden, layout):
    if layout == "wide":
        head = "image," + ",".join(f"p{i}_x,p{i}_y,p{i}_{column}" for i in range(3))
        lines = [head, "a.png," + ",".join(f"{i},{i + 1},{cell}" for i, cell in enumerate(cells))]
    else:
        lines = [f"image,part,x,y,{column}", *(f"a.png,p{i},{i},{i + 1},{cell}" for i, cell in enumerate(cells))]
    found = read_landmark_csv(_csv(tmp_path, *lines))
    seen = np.zeros(3)
    seen[[int(part[1]) for part in found.skeleton.parts]] = found.joints[0, :, 2]
    np.testing.assert_array_equal(seen, labelled)
    assert found.occluded is not None
    np.testing.assert_array_equal(found.occluded[0], np.array(hidden[: found.joints.shape[1]], bool))


def test_not_visible_at_the_corner_is_not_labelled(tmp_path):
    found = read_landmark_csv(_csv(tmp_path, "image,a_x,a_y,a_v,b_x,b_y,b_v", "a.png,0,0,0,3,4,1"))
    np.testing.assert_array_equal(found.joints, [[[0, 0, 0], [3, 4, 1]]])


def test_other_columns(tmp_path):
    head = (
        "image,patient,id,mm_per_pixel,split,image_width,image_height,box_x,box_y,box_w,box_h,ear_x,ear_y,remark,"
        "ear_likelihood"
    )
    found = read_landmark_csv(
        _csv(tmp_path, head, "a.png,P1,7,0.1,train,30,20,1,2,3,4,5,6,hm,0.9", "b.png,P2,8,,test,,,,,,,5,6,,1")
    )
    assert found.groups == ["P1", "P2"]
    assert found.subjects == ["7", "8"]
    assert found.splits == ["train", "test"]
    np.testing.assert_array_equal(found.mm_per_pixel, [0.1, np.nan])
    np.testing.assert_array_equal(found.sizes, [[30, 20], [np.nan, np.nan]])
    np.testing.assert_array_equal(found.boxes, [[1, 2, 3, 4], [np.nan] * 4])
    assert "columns that are not read: remark" in found.notes
    assert any("ear_likelihood" in note for note in found.notes)


def test_a_column_for_the_groups(tmp_path):
    data = mice(tmp_path)
    lines = ["image,site,ear_x,ear_y", *(f"{photo.name},s{i // 2},3,4" for i, photo in enumerate(data.photos))]
    file = _csv(tmp_path, *lines)
    assert read_landmark_csv(file).groups is None
    assert load_dataset(file, groups="site").groups.tolist() == ["s0", "s0", "s1"]
    with pytest.raises(ValueError, match="got 'place' for the groups"):
        read_landmark_csv(file, group_column="place")


def test_frames_of_videos(tmp_path):
    found = read_landmark_csv(_csv(tmp_path, "video,frame,ear_x,ear_y", "a.mp4,0012,1,2"))
    assert found.photos == ["a.mp4#frame=12"]
    assert found.groups == ["a.mp4"]


def test_subjects_of_long_tables(tmp_path):
    lines = ["image,subject,part,x,y,mm_per_pixel", "a.png,m1,ear,1,2,0.5", "a.png,m2,ear,3,4,0.25", "a.png,m1,10,5,6,"]
    found = read_landmark_csv(_csv(tmp_path, *lines, "a.png,m1,9,7,8,"))
    assert found.photos == ["a.png", "a.png"]
    assert found.subjects == ["m1", "m2"]
    np.testing.assert_array_equal(found.mm_per_pixel, [0.5, 0.25])
    assert found.joints.shape == (2, 3, 3)


def test_numbered_landmarks_are_in_order(tmp_path):
    lines = ["image,landmark,x,y", *(f"a.png,{i},1,{i}" for i in (2, 10, 1))]
    assert read_landmark_csv(_csv(tmp_path, *lines)).skeleton.parts == ("1", "2", "10")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["image,ear_x,nose_y", "a.png,1,2"], "no x and y of landmarks; name the columns"),
        (["image,ear_x,ear_y,nose_x", "a.png,1,2,3"], "of 'nose' there is x or y, but not both"),
        (["ear_x,ear_y", "1,2"], "none of them with the names of the photos"),
        (["image,x,y", "a.png,1,2"], "no column with the names of the landmarks"),
        (["image,ear_x,ear_y,ear_x", "a.png,1,2,3"], "ear_x occurs twice"),
        (["image,ear_x,ear_y", "a.png,one,2"], "row 2, column 'ear_x' is not a number: 'one'"),
        (["image,ear_x,ear_y", ",1,2"], "row 2 names no photo"),
        (["image,ear_x,ear_y"], "but no rows"),
        (["image,ear_x,ear_y", "a.png,,"], "no landmark in its 1 rows"),
        (["image,part,x,y", "a.png,,1,2"], "row 2 names no landmark"),
        ([""], "empty"),
        (["image,ear_x,ear_y", "a.png,1,2\x00"], "not a text file"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path, lines, message):
    file = _csv(tmp_path, *lines)
    with pytest.raises(ValueError, match=message):
        read_landmark_csv(file)


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        (["image,ear_x,ear_y"], "read as a table of landmarks: photos in column 'image', 1 landmarks per row"),
        (["file;part;x;y"], "read as a table of landmarks: photos in column 'file', one landmark per row"),
        (["scorer,a,a", "bodyparts,ear,ear", "coords,x,y"], None),
        (["0 0.5 0.5 0.1 0.1"], None),
        (['{"a": 3}'], None),
        ([""], None),
        (['image,"ear_x'], None),
    ],
)
def test_recognition(tmp_path, lines, seen):
    assert recognise_landmark_csv(_csv(tmp_path, *lines)) == seen


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_round_trip(tmp_path, layout):
    options = {
        "groups": ["a", "b", "b"],
        "mm_per_pixel": [0.1, np.nan, 3],
        "boxes": [[1, 2.5, 30, 9], [np.nan] * 4, [0, 0, 5, 6]],
    }
    data = mice(tmp_path / "photos", **options)
    data.photos[2] = data.photos[1]  # two subjects
    name = "csv_long" if layout == "long" else "csv"
    assert write_dataset(data, tmp_path / "x.csv", name) == []
    found = load_dataset(tmp_path / "x.csv")
    same_labels(found, data)
    np.testing.assert_array_equal(found.occluded, data.occluded)
    np.testing.assert_allclose(found.boxes, data.boxes)
    np.testing.assert_allclose(found.mm_per_pixel, data.mm_per_pixel)
    assert found.groups.tolist() == ["a", "b", "b"]
    assert found.skeleton.parts == MOUSE.parts
    assert found.photos == data.photos


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.floats(-1e4, 1e4, width=32), min_size=2, max_size=2),
    part=st.text(string.ascii_letters + "äß -", min_size=1, max_size=8).filter(lambda text: text.strip(" -") == text),
    layout=st.sampled_from(["wide", "long"]),
)
def test_every_number_and_name_comes_back(tmp_path_factory, values, part, layout):
    from posemachines import PoseDataset, Skeleton

    folder = tmp_path_factory.mktemp("csv")
    data = PoseDataset([folder / "a.png"], [[[*values, 1], [1, 2, 1]]], Skeleton("s", (part, "other one")))
    write_landmark_csv(folder / "x.csv", data, layout=layout)
    found = read_landmark_csv(folder / "x.csv")
    assert found.skeleton.parts == (part, "other one")
    np.testing.assert_array_equal(found.joints, data.joints)


@pytest.mark.parametrize(("cell", "number"), [("1,5", 1.5), ("-3", -3), (",5", 0.5), ("1e3", 1000), (" 2.5 ", 2.5)])
def test_numbers(cell, number):
    assert to_number(cell) == number
