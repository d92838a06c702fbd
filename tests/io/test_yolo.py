"""YOLO-pose."""

import numpy as np
import pytest
import yaml

from posemachines import load_dataset
from posemachines.datasets import write_dataset
from posemachines.io.yolo import read_yolo, recognise_yolo

from .toys import MOUSE, mice, same_labels, write_photo

LINE = "0 0.5 0.5 0.4 0.2 0.25 0.5 2 0.75 0.25 1 0 0 0"
SETTINGS = {"train": "images/train", "val": "images/val", "names": {0: "bee"}, "kpt_shape": [3, 3]}


def _set(folder, lines=None, settings=None, size=(40, 20)):
    """Labels by the path below labels, with a photo for each."""
    for name, text in (lines or {"train/a": LINE}).items():
        file = folder / "labels" / f"{name}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        write_photo(folder / "images" / f"{name}.png", size)
    if settings is not None:
        (folder / "data.yaml").write_text(yaml.safe_dump(settings))
    return folder


def test_shares_become_pixels(tmp_path):
    found = read_yolo(_set(tmp_path, settings=SETTINGS))
    np.testing.assert_allclose(found.joints[0], [[9.5, 9.5, 1], [29.5, 4.5, 1], [0, 0, 0]])
    np.testing.assert_allclose(found.boxes, [[12, 8, 16, 4]])
    np.testing.assert_array_equal(found.occluded, [[False, True, False]])
    assert found.photos == ["images/train/a.png"]
    assert found.splits == ["train"]


def test_converters_that_count_pixels(tmp_path):
    found = read_yolo(_set(tmp_path, settings=SETTINGS), first_pixel=0)
    np.testing.assert_allclose(found.joints[0, 0, :2], [10, 10])


def test_photos_of_other_sizes(tmp_path):
    _set(tmp_path, {"a": LINE, "b": LINE}, SETTINGS)
    write_photo(tmp_path / "images" / "b.png", (80, 60))
    found = read_yolo(tmp_path)
    np.testing.assert_allclose(found.joints[:, 0, :2], [[9.5, 9.5], [19.5, 29.5]])


def test_names_and_pairs(tmp_path):
    more = {"kpt_names": {0: ["tip", "left", "right"]}, "flip_idx": [0, 2, 1]}
    skeleton = read_yolo(_set(tmp_path, settings=SETTINGS | more)).skeleton
    assert skeleton.parts == ("tip", "left", "right")
    assert skeleton.pairs == ((2, 1),)


def test_keypoints_without_names(tmp_path):
    found = read_yolo(_set(tmp_path, settings=SETTINGS | {"flip_idx": [0, 2, 1]}))
    assert found.skeleton.parts == ("1", "2", "3")
    assert found.skeleton.pairs == ((1, 2),)
    assert any("kpt_names" in note for note in found.notes)


@pytest.mark.parametrize("flips", [[0, 1], [1, 2, 0], [0, 0, 1], ["a", "b", "c"]])
def test_flips_that_exchange_nothing(tmp_path, flips):
    found = read_yolo(_set(tmp_path, settings=SETTINGS | {"flip_idx": flips}))
    assert found.skeleton.pairs == ()
    assert any("flip_idx" in note for note in found.notes)


def test_several_subjects_and_empty_files(tmp_path):
    found = read_yolo(_set(tmp_path, {"a": f"{LINE}\n\n{LINE}\n", "b": ""}, SETTINGS))
    assert found.photos == ["images/a.png", "images/a.png"]


def test_a_class_must_be_chosen(tmp_path):
    other = "1" + LINE[1:].replace("0.25 0.5 2", "0.5 0.5 2")
    _set(tmp_path, {"a": f"{LINE}\n{other}"}, SETTINGS | {"names": ["bee", "wasp"]})
    with pytest.raises(ValueError, match=r"category=..., one of the classes with subjects: 'bee' \(1\), 'wasp' \(1\)"):
        read_yolo(tmp_path)
    for category in ("wasp", 1, "1"):
        np.testing.assert_allclose(read_yolo(tmp_path, category=category).joints[0, 0, 0], 19.5)
    assert len(load_dataset(tmp_path, category="bee")) == 1


def test_without_settings(tmp_path):
    found = read_yolo(_set(tmp_path, {"train/a": LINE, "val/b": LINE}))
    assert found.joints.shape == (2, 3, 3)
    assert found.splits == ["train", "val"]
    assert recognise_yolo(tmp_path) == "read as YOLO-pose: keypoints in a.txt"
    two = "0 0.5 0.5 0.4 0.2 0.25 0.5 0.75 0.25"
    found = read_yolo(_set(tmp_path / "two", {"a": two, "b": two}))
    np.testing.assert_allclose(found.joints[0], [[9.5, 9.5, 1], [29.5, 4.5, 1]])


def test_two_numbers_per_keypoint(tmp_path):
    text = "0 0.5 0.5 0.4 0.2 0.25 0.5 0 0 -1 -1"
    found = read_yolo(_set(tmp_path, {"a": text}, SETTINGS | {"kpt_shape": [3, 2]}))
    np.testing.assert_allclose(found.joints[0], [[9.5, 9.5, 1], [0, 0, 0], [0, 0, 0]])
    assert found.occluded is None


def test_exporters_that_know_no_hidden_keypoints(tmp_path):
    found = read_yolo(_set(tmp_path, {"a": LINE.replace(" 2", " 1")}, SETTINGS))
    assert found.occluded is None
    assert any("visibility 1" in note for note in found.notes)


@pytest.mark.parametrize("layout", ["{}/images/a.png {}/labels/a.txt", "{}/a.png {}/a.txt"])
def test_other_layouts(tmp_path, layout):
    photo, labels = (tmp_path / each.format("train") for each in layout.split())
    write_photo(photo, (40, 20))
    labels.parent.mkdir(parents=True, exist_ok=True)
    labels.write_text(LINE)
    if "labels" in layout:
        (tmp_path / "data.yaml").write_text(yaml.safe_dump(SETTINGS | {"train": "../train/images"}))
        data = load_dataset(tmp_path)
        assert read_yolo(tmp_path).splits == ["train"]
    else:
        data = load_dataset(tmp_path / "train")
    assert data.photos == [photo]


def test_photos_elsewhere(tmp_path):
    _set(tmp_path / "set", {"train/a": LINE}, SETTINGS)
    (tmp_path / "set" / "images").rename(tmp_path / "photos")
    assert load_dataset(tmp_path / "set", tmp_path / "photos").photos == [tmp_path / "photos" / "train" / "a.png"]
    assert load_dataset(tmp_path / "set", tmp_path / "photos" / "train").photos[0].name == "a.png"
    with pytest.raises(FileNotFoundError, match=r"1 of 1 label files .* a\.txt first"):
        load_dataset(tmp_path / "set")


def test_a_photo_has_one_label_file(tmp_path):
    _set(tmp_path / "set", {"train/a": LINE, "val/a": LINE}, SETTINGS)
    write_photo(tmp_path / "photos" / "a.png", (40, 20))
    with pytest.raises(ValueError, match="would have the same photo a"):
        load_dataset(tmp_path / "set", tmp_path / "photos")


def test_missing_photos_under_a_limit(tmp_path):
    _set(tmp_path, {f"p{i}": LINE for i in range(10)}, SETTINGS)
    (tmp_path / "images" / "p3.png").unlink()
    found = read_yolo(tmp_path)
    assert len(found) == 9
    assert any("1 of 10 label files have no photo" in note for note in found.notes)
    with pytest.raises(FileNotFoundError):
        read_yolo(tmp_path, max_missing=0)


def test_lists_of_photos(tmp_path):
    _set(tmp_path, {"a": LINE, "b": LINE}, SETTINGS | {"train": "train.txt", "val": "val.txt"})
    (tmp_path / "train.txt").write_text("./images/b.png\n")
    (tmp_path / "val.txt").write_text("./images/a.png\n")
    assert read_yolo(tmp_path / "data.yaml").splits == ["val", "train"]
    assert len(load_dataset(tmp_path, split="val")) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0.5 0.5 0.1 0.1", "boxes without keypoints"),
        ("", "its label files are empty"),
        ("0 0.5 0.5 0.1 0.1 0.5 0.5 2", r"3 numbers follow the box, but kpt_shape \[3, 3\] means 9"),
        (LINE.replace("0.75", "300"), "are these pixels"),
        (LINE.replace("0.75 0.25 1", "0.75 0.25 7"), "visibility must be 0, 1 or 2"),
        ("a b c", "expected numbers"),
        ("0 0.5", "expected class, box and keypoints"),
        ("0 0.5 0.5 0.1 0.1 0 0 0 0 0 0 0 0 0", "none of 1 subjects has a labelled keypoint"),
    ],
)
def test_damaged_labels(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_yolo(_set(tmp_path, {"a": text}, SETTINGS))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("kpt_shape: [3", "not readable YAML"),
        ("kpt_shape: 17", r"kpt_shape must be \[number"),
        ("kpt_shape: [3, 3]\nnames: {a: b}", "names must be a list"),
        ("- kpt_shape", "no entries such as kpt_shape"),
    ],
)
def test_damaged_settings(tmp_path, settings, message):
    _set(tmp_path)
    (tmp_path / "data.yaml").write_text(settings)
    with pytest.raises(ValueError, match=message):
        read_yolo(tmp_path)


def test_recognition(tmp_path):
    assert recognise_yolo(_set(tmp_path / "a", settings=SETTINGS)) == "read as YOLO-pose: kpt_shape in data.yaml"
    assert recognise_yolo(_set(tmp_path / "b", {"a": "0 0.5 0.5 0.1 0.1"})) is None
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "readme.txt").write_text("0 0.1 0.1 0.1 0.1 0.2 0.2")
    assert recognise_yolo(tmp_path / "c") is None
    with pytest.raises(FileNotFoundError, match="no labels of YOLO"):
        read_yolo(tmp_path / "c")


@pytest.mark.parametrize("inside", [True, False])
def test_round_trip(tmp_path, inside):
    data = mice(tmp_path / ("set/images" if inside else "photos"), names="v{0}/img{0}.png", groups=["a", "b", "c"])
    notes = write_dataset(data, tmp_path / "set", "yolo")
    assert any("photos are not copied" in note for note in notes) != inside
    assert any("which video, animal or patient" in note for note in notes)
    found = load_dataset(tmp_path / "set", None if inside else tmp_path / "photos")
    same_labels(found, data)
    np.testing.assert_array_equal(found.occluded, data.occluded)
    assert found.skeleton.parts == MOUSE.parts
    assert found.skeleton.pairs == MOUSE.pairs
    assert found.photos == data.photos


def test_photos_that_differ_in_their_suffix(tmp_path):
    data = mice(tmp_path)
    data.photos = [write_photo(tmp_path / name, (70, 40)) for name in ("a.png", "a.jpg", "b.png")]
    with pytest.raises(ValueError, match="differ in their suffix only"):
        write_dataset(data, tmp_path / "set", "yolo")


def test_joints_outside_are_counted(tmp_path):
    data = mice(tmp_path)
    data.joints[0, 0, :2] = -5, 3
    assert any("1 labelled joints lie outside" in note for note in write_dataset(data, tmp_path / "set", "yolo"))
