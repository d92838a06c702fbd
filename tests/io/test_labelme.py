"""labelme's JSON files: what the tool writes, one test per trap, and the round trip of the writer."""

import base64
import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from posemachines import PoseDataset, Skeleton
from posemachines.io.labelme import read_labelme, recognise_labelme, write_labelme

PARTS = ("nose", "ear_left", "ear_right")
FORK = Skeleton("fork", PARTS)


def point(label, x, y, group=None, **more):
    return {"label": label, "points": [[x, y]], "group_id": group, "shape_type": "point", "flags": {}, **more}


def write(file, shapes, *, photo=None, data=None, size=(70, 50)):
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "version": "5.4.0", "flags": {}, "shapes": shapes, "imagePath": f"{file.stem}.png" if photo is None else photo,
        "imageData": data, "imageHeight": size[1], "imageWidth": size[0],
    }  # fmt: skip
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def draw(file, size=(70, 50)):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (9, 9, 9)).save(file)
    return file


def test_the_first_pixel_is_half_a_pixel_from_the_corner(tmp_path):
    write(tmp_path / "a.json", [point("nose", 0.5, 0.5), point("ear", 10.5, 20.25)])
    found = read_labelme(tmp_path)
    np.testing.assert_array_equal(found.joints, [[[0, 0, 1], [10, 19.75, 1]]])
    np.testing.assert_array_equal(found.sizes, [[70, 50]])
    assert found.photos == ["a.png"]
    assert not found.stored
    np.testing.assert_array_equal(read_labelme(tmp_path, first_pixel=0).joints[0, 0], [0.5, 0.5, 1])


def test_one_file_is_read_as_well(tmp_path):
    write(tmp_path / "other.json", [point("nose", 1, 1)])
    file = write(tmp_path / "a.json", [point("nose", 2, 2)])
    assert read_labelme(file).photos == ["a.png"]


def test_files_are_in_the_order_of_their_numbers(tmp_path):
    for number in (10, 9, 1):
        write(tmp_path / f"img{number}.json", [point("nose", 1, 1)])
    assert read_labelme(tmp_path).photos == ["img1.png", "img9.png", "img10.png"]


def test_group_ids_are_subjects_with_their_boxes(tmp_path):
    rectangle = {"label": "mouse", "points": [[30, 40], [10, 20]], "group_id": 2, "shape_type": "rectangle"}
    write(tmp_path / "a.json", [point("nose", 1, 2, 1), point("nose", 3, 4, 2), point("tail", 5, 6, 2), rectangle])
    found = read_labelme(tmp_path)
    assert found.photos == ["a.png", "a.png"]
    np.testing.assert_array_equal(found.joints[..., 2], [[1, 0], [1, 1]])
    np.testing.assert_array_equal(found.boxes[1], [10, 20, 20, 20])
    assert np.isnan(found.boxes[0]).all()


def test_the_only_rectangle_is_the_box_of_the_only_subject(tmp_path):
    box = {"label": "m", "points": [[1, 2], [11, 22]], "group_id": None, "shape_type": "rectangle"}
    write(tmp_path / "a.json", [box, point("nose", 3, 4, 7)])
    np.testing.assert_array_equal(read_labelme(tmp_path).boxes, [[1, 2, 10, 20]])


def test_other_shapes_are_left_out_and_counted(tmp_path):
    polygon = {"label": "body", "points": [[1, 2], [3, 4], [5, 6]], "shape_type": "polygon"}
    write(tmp_path / "a.json", [point("nose", 1, 1), polygon, polygon])
    write(tmp_path / "b.json", [polygon])
    notes = read_labelme(tmp_path).notes
    assert "shapes that are no points are left out (polygon): 3" in notes
    assert "files without a point: 1" in notes


def test_flags_say_what_is_hidden(tmp_path):
    write(tmp_path / "a.json", [point("nose", 1, 1, flags={"occluded": True}), point("ear", 1, 1)])
    np.testing.assert_array_equal(read_labelme(tmp_path).occluded, [[True, False]])


def test_subfolders_are_read_and_paths_may_have_backslashes(tmp_path):
    write(tmp_path / "mouse1" / "a.json", [point("nose", 1, 1)], photo="photos\\a.png")
    write(tmp_path / "mouse2" / "a.json", [point("nose", 1, 1)], photo="..\\photos\\b.png")
    found = read_labelme(tmp_path)
    assert found.photos == ["mouse1/photos/a.png", "photos/b.png"]


def test_a_photo_of_another_type_beside_the_file(tmp_path):
    draw(tmp_path / "a.png")
    write(tmp_path / "a.json", [point("nose", 1, 1)], photo="a.jpg")
    found = read_labelme(tmp_path)
    assert found.photos == ["a.png"]
    assert "photos of another type than imagePath says (.png for .jpg): 1" in found.notes
    draw(tmp_path / "a.bmp")
    assert read_labelme(tmp_path).photos == ["a.jpg"], "two candidates: neither is taken"


def test_an_embedded_picture_is_taken_only_where_there_is_no_file(tmp_path):
    data = base64.b64encode(draw(tmp_path / "x.png").read_bytes()).decode()
    write(tmp_path / "sub" / "a.json", [point("nose", 1, 1)], data=data)
    found = read_labelme(tmp_path)
    assert found.photos == ["sub/a.json#picture"]
    assert "photos that are only in their JSON files (imageData): 1" in found.notes
    draw(tmp_path / "elsewhere" / "a.png")
    assert read_labelme(tmp_path, images=tmp_path / "elsewhere").photos == ["sub/a.png"]
    draw(tmp_path / "sub" / "a.png")
    assert read_labelme(tmp_path).photos == ["sub/a.png"]


def test_labels_of_labels_txt_set_the_order(tmp_path):
    write(tmp_path / "a.json", [point("tail", 1, 1), point("nose", 2, 2), point("new", 3, 3)])
    assert read_labelme(tmp_path).skeleton.parts == ("tail", "nose", "new")
    (tmp_path / "labels.txt").write_text("__ignore__\nnose\ntail\nnever\n")
    assert read_labelme(tmp_path).skeleton.parts == ("nose", "tail", "new")


def test_left_and_right_are_paired(tmp_path):
    write(tmp_path / "a.json", [point(part, 1, 1) for part in PARTS])
    assert read_labelme(tmp_path).skeleton.pairs == ((2, 1),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not readable JSON"),
        ('{"shapes": [], "version": 1}', "it needs a list of shapes and imagePath"),
        ('{"shapes": [], "imagePath": "a.png"}', "has no labelled point"),
        ('{"shapes": [7], "imagePath": "a.png"}', "a shape is 7, not an object"),
        (json.dumps({"shapes": [point("", 1, 1)], "imagePath": "a"}), "a point has the label ''"),
        (
            json.dumps({"shapes": [point("a", 1, None)], "imagePath": "a"}),
            r"the point 'a' has the points .*, not 1 pair",
        ),
        (json.dumps({"shapes": [point("a", float("nan"), 1)], "imagePath": "a"}), "nowhere"),
        (json.dumps({"shapes": [point("a", 1, 1)], "imagePath": ""}), "names no photo"),
    ],
)
def test_damaged_files(tmp_path, content, message):
    file = tmp_path / "a.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_labelme(file)


def test_a_damaged_file_of_a_folder_is_named(tmp_path):
    write(tmp_path / "a.json", [point("nose", 1, 1)])
    (tmp_path / "b.json").write_text('{"version": "5", "shapes": [{"label": "no')
    with pytest.raises(ValueError, match=r"b\.json is not readable JSON"):
        read_labelme(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_labelme(tmp_path / "none.json")
    with pytest.raises(ValueError, match="holds no JSON file of labelme"):
        read_labelme(tmp_path)


def test_recognised_among_other_files(tmp_path):
    assert recognise_labelme(tmp_path) is None
    (tmp_path / "coco.json").write_text('{"images": [], "annotations": [], "categories": []}')
    (tmp_path / "list.json").write_text('["shapes"]')
    assert recognise_labelme(tmp_path) is None
    file = write(tmp_path / "a.json", [point("nose", 1, 1)])
    assert recognise_labelme(file) == "read as labelme: shapes and imagePath"
    assert "labelme" in recognise_labelme(tmp_path)
    assert "2 JSON files" in read_labelme(tmp_path).notes[0]
    assert recognise_labelme(tmp_path / "none.json") is None
    (tmp_path / "empty.json").write_text("")
    assert recognise_labelme(tmp_path / "empty.json") is None


# -- written --------------------------------------------------------------------------------------------------------


def made(tmp_path, **options):
    photos = [draw(tmp_path / "photos" / f"{name}.png") for name in "abb"]
    joints = np.array([[[1, 2, 1], [3.25, 4.5, 1], [5, 6, 1]], [[7, 8, 1], [0, 0, 0], [9, 10, 1]],
                       [[11, 12, 1], [13, 14, 1], [15, 16, 1]]], np.float32)  # fmt: skip
    return PoseDataset(photos, joints, FORK, name="made", **options)


def test_what_is_written_is_read_again(tmp_path):
    data = made(tmp_path, occluded=np.eye(3, dtype=bool), boxes=np.arange(12).reshape(3, 4) + 1.0)
    assert write_labelme(tmp_path / "labels", data) == []
    found = read_labelme(tmp_path / "labels")
    np.testing.assert_array_equal(found.joints, data.joints)
    np.testing.assert_array_equal(found.boxes, data.boxes)
    np.testing.assert_array_equal(found.occluded, data.occluded & (data.joints[..., 2] > 0))
    np.testing.assert_array_equal(found.sizes, [[70, 50]] * 3)
    assert found.skeleton.parts == PARTS
    assert found.photos == ["../photos/a.png", "../photos/b.png", "../photos/b.png"]
    assert sorted(file.name for file in (tmp_path / "labels").iterdir()) == ["a.json", "b.json", "labels.txt"]
    assert read_labelme(tmp_path / "labels").sizes is not None


def test_the_file_is_as_labelme_writes_it(tmp_path):
    write_labelme(tmp_path, made(tmp_path)[:1])
    content = json.loads((tmp_path / "a.json").read_text())
    assert (content["imagePath"], content["imageHeight"], content["imageWidth"]) == ("photos/a.png", 50, 70)
    assert {"version", "flags", "shapes", "imageData"} <= {*content}
    assert content["shapes"][0] == {"label": "nose", "points": [[1.5, 2.5]], "group_id": None, "description": "",
                                    "shape_type": "point", "flags": {}}  # fmt: skip


def test_arrays_are_embedded(tmp_path):
    photo = np.zeros((5, 7, 3), np.uint8)
    photo[1, 2] = 200, 100, 50
    data = PoseDataset([photo], np.ones((1, 3, 3), np.float32), FORK)
    write_labelme(tmp_path, data)
    content = json.loads((tmp_path / "photo0000.json").read_text())
    (tmp_path / "again.png").write_bytes(base64.b64decode(content["imageData"]))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "again.png")), photo)
    assert read_labelme(tmp_path / "photo0000.json").photos == ["photo0000.json#picture"]


def test_photos_of_one_name_do_not_replace_each_other(tmp_path):
    photos = [draw(tmp_path / folder / "img.png") for folder in ("x", "y", "sub/y")]
    write_labelme(tmp_path / "out", PoseDataset(photos, np.ones((3, 3, 3), np.float32), FORK))
    assert sorted(file.stem for file in (tmp_path / "out").glob("*.json")) == ["x_img", "y_img", "y_img_2"]
    assert sorted(read_labelme(tmp_path / "out").photos) == ["../sub/y/img.png", "../x/img.png", "../y/img.png"]


def test_what_the_format_cannot_hold_is_said(tmp_path):
    data = made(tmp_path, groups=np.arange(3))
    assert write_labelme(tmp_path / "labels", data) == [
        "labelme's files do not hold which video, animal or patient a photo belongs to"
    ]


numbers = st.floats(-100, 5000, width=32)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(numbers, numbers), min_size=3, max_size=3))
def test_the_round_trip_is_exact(tmp_path_factory, places):
    folder = tmp_path_factory.mktemp("labelme")
    joints = np.array([[(*place, 1) for place in places]], np.float32)
    pixels = np.zeros((5, 7, 3), np.uint8)
    data = SimpleNamespace(photos=[pixels], photo=lambda _: pixels, joints=joints, skeleton=FORK, occluded=None)
    write_labelme(folder, data)
    np.testing.assert_allclose(read_labelme(folder).joints, joints, rtol=1e-6, atol=1e-6)
