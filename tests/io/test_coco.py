"""COCO's annotations as other programs write them."""

import json

import numpy as np
import pytest
from PIL import Image

from posemachines.datasets import load_coco, load_dataset
from posemachines.io.coco import read_coco, recognise_coco


def content(**changes):
    """Two photos of fish without names of the keypoints."""
    entry = {"category_id": 1, "bbox": [2, 3, 10, 20], "iscrowd": 0}
    found = {
        "images": [
            {"id": 1, "file_name": "a.png", "width": 40, "height": 30},
            {"id": "2", "file_name": "b.png", "width": 40, "height": 30},
        ],
        "categories": [{"id": 1, "name": "fish"}],
        "annotations": [
            {"id": 1, "image_id": "1", "keypoints": [1, 2, 2, 3, 4, 1, 5, 6, 2], **entry},
            {"id": 2, "image_id": 2, "keypoints": [5, 6, 2, 7, 8, 2, 0, 0, 0], **entry},
        ],
    }
    return found | changes


def write(folder, found, name="fish.json"):
    (folder / name).write_text(json.dumps(found))
    return folder / name


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 30)).save(tmp_path / name)
    return tmp_path


def test_keypoints_without_names_are_numbered(folder):
    file = write(folder, content())
    assert recognise_coco(file)
    data = load_dataset(file)
    assert data.skeleton.parts == ("1", "2", "3")
    assert any("does not name its keypoints" in note and '"keypoints": [' in note for note in data.notes)
    assert [photo.name for photo in data.photos] == ["a.png", "b.png"], "ids are numbers or text"
    np.testing.assert_array_equal(data.joints[1], [[5, 6, 1], [7, 8, 1], [0, 0, 0]])
    assert data.occluded[0, 1]
    np.testing.assert_array_equal(read_coco(file).sizes, [[40, 30]] * 2)


def test_notes_are_warnings_of_the_log(folder, caplog):
    data = load_dataset(write(folder, content()))
    assert data.notes
    assert [record.levelname for record in caplog.records] == ["WARNING"] * len(data.notes)
    for note in data.notes:
        assert note in caplog.text


@pytest.mark.parametrize(
    ("skeleton", "limbs", "words"),
    [
        ([[1, 2], [2, 3]], ((0, 1), (1, 2)), ""),
        ([[0, 1], [1, 2]], ((0, 1), (1, 2)), "counts keypoints from 0"),
        ([[1, 2], [3, 4]], (), "beyond the 3"),
        ([["tip", "left"], [1, 1]], ((0, 1),), ""),
        (None, (), ""),
    ],
)
def test_skeletons(tmp_path, skeleton, limbs, words):
    category = {"id": 1, "name": "fork", "keypoints": ["tip", "left", "right"], "skeleton": skeleton}
    found = read_coco(write(tmp_path, content(categories=[category])))
    assert found.skeleton.limbs == limbs
    assert found.skeleton.pairs == ((2, 1),)
    assert words in " ".join(found.notes)
    assert bool(found.notes) == bool(words)


@pytest.mark.parametrize("empty", [None, [], [0] * 9, [None, None, 0] * 3])
def test_annotations_without_keypoints_are_counted(tmp_path, empty):
    found = content()
    found["annotations"] += [
        {"id": 3, "image_id": 1, "category_id": 1, "keypoints": empty},
        {"id": 4, "image_id": 1, "category_id": 1, "keypoints": [1, 1, 2] * 3, "iscrowd": 1},
    ]
    read = read_coco(write(tmp_path, found))
    assert len(read) == 2
    text = " ".join(read.notes)
    assert "1 annotations of crowds" in text
    assert "1 of 4 annotations have no labelled keypoint" in text


def test_boxes_are_kept_and_may_be_missing(folder):
    found = content()
    assert load_dataset(write(folder, found)).crop_rule == "box"
    joints = load_dataset(folder / "fish.json", crop_rule="joints")
    np.testing.assert_array_equal(joints.boxes, [[2, 3, 10, 20]] * 2)
    found["annotations"][0]["bbox"] = [0, 0, 0, 5]
    data = load_dataset(write(folder, found))
    assert data.crop_rule == "joints"
    assert any("1 of 2 subjects have no bounding box" in note for note in data.notes)
    np.testing.assert_array_equal(np.isnan(data.boxes[:, 0]), [True, False])
    with pytest.raises(ValueError, match="without a size; use crop_rule='joints'"):
        load_coco(folder / "fish.json", folder, crop_rule="box")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]},
            "none of its 1 annotations has keypoints, only bbox: these label objects, not landmarks",
        ),
        (
            {"categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b", "keypoints": ["x", "y", "z"]}]},
            r"give category=\.\.\., one of those with keypoints \(and annotations\): 'a' \(2\), 'b' \(1\)",
        ),
        ({"images": [{"id": 1, "file_name": "a"}, {"id": "1", "file_name": "b"}]}, "two images have the id '1'"),
        ({"images": [{"id": 1}, {"id": 2}]}, "image 1 has no file_name"),
        ({"annotations": []}, "has no annotations; export"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path, changes, message):
    found = content(**changes)
    if "categories" in changes:
        other = {"id": 9, "image_id": 1, "category_id": 2, "keypoints": [1, 2, 2] * 3}
        found["annotations"].append(other)
    with pytest.raises(ValueError, match=message):
        read_coco(write(tmp_path, found))


def test_different_numbers_of_unnamed_keypoints(tmp_path):
    found = content()
    found["annotations"][0]["keypoints"] = [1, 2, 2] * 4
    with pytest.raises(ValueError, match=r"have no names, and its annotations 9 or 12 numbers"):
        read_coco(write(tmp_path, found))


def test_a_tool_that_knows_no_hidden_keypoints(tmp_path):
    found = content()
    for one in found["annotations"]:
        one["keypoints"] = [1, 2, 1] * 3
    read = read_coco(write(tmp_path, found))
    assert read.occluded is None
    assert any("does not tell hidden" in note for note in read.notes)
    assert read.joints[..., 2].all()


def test_videos_are_groups(tmp_path):
    found = content()
    for image, video in zip(found["images"], (3, "4"), strict=True):
        image["video_id"] = video
    assert read_coco(write(tmp_path, found)).groups == ["3", "4"]


def test_only_one_category_has_annotations(tmp_path):
    found = content()
    found["categories"].append({"id": 2, "name": "person", "keypoints": ["nose"]})
    assert read_coco(write(tmp_path, found)).skeleton.name == "fish"


def test_left_right_pairs_and_limbs_are_overridable(folder):
    parts = ["left_ear", "right_ear", "left_paw"]
    file = write(folder, content(categories=[{"id": 1, "name": "mouse", "keypoints": parts}]))
    data = load_dataset(file)
    assert data.skeleton.pairs == ()
    assert any("not mirrored: left_paw has a side" in note for note in data.notes)
    given = load_dataset(file, pairs=[("right_ear", "left_ear")], limbs=[("left_ear", "left_paw")])
    assert (given.skeleton.pairs, given.skeleton.limbs) == (((1, 0),), ((0, 2),))
    assert "left-right pairs as given: right_ear/left_ear" in given.notes
    assert "left-right pairs as given: none" in load_dataset(file, pairs=()).notes


def test_groups_and_spacing_are_given(folder):
    file = write(folder, content())
    data = load_dataset(file, groups=["x", "y"], mm_per_pixel=0.25)
    assert list(data.groups) == ["x", "y"]
    assert data.groups_source == "as given"
    np.testing.assert_array_equal(data.mm_per_pixel, [0.25, 0.25])
    assert len({*load_dataset(file, groups=r"([ab])\.png").groups}) == 2
    with pytest.raises(ValueError, match="mm_per_pixel must be a positive number"):
        load_dataset(file, mm_per_pixel=-1)
