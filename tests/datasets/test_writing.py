"""Data sets and predictions in the formats of labelling tools."""

import numpy as np
import pytest
from PIL import Image

from posemachines import PoseDataset, load_dataset
from posemachines.datasets import dataset_of_poses, write_dataset
from posemachines.datasets.writing import WRITTEN_FORMATS
from posemachines.inference import Pose
from posemachines.io.stored_frame import turned_boxes, turned_points
from posemachines.photos import photo_size, read_photo, split_reference

from ..io.toys import MOUSE, mice, same_labels, write_photo

FILES = {
    "coco": "x.json", "deeplabcut": "CollectedData_me.csv", "labelme": "folder", "imglab": "x.xml", "yolo": "folder",
    "tps": "x.tps", "landmark_csv": "x.csv", "csv_long": "y.csv",
}  # fmt: skip


def _whole(data):
    """In whole pixels, which every format holds."""
    data.joints[..., :2] = np.rint(data.joints[..., :2])
    return data


@pytest.mark.parametrize("format", WRITTEN_FORMATS)
def test_every_format_round_trips(tmp_path, format):
    data = _whole(mice(tmp_path / "photos"))
    target = tmp_path / "out" / FILES[format]
    notes = write_dataset(data, target, format)
    assert all(isinstance(note, str) for note in notes)
    found = load_dataset(target, tmp_path / "photos")
    if format != "tps":
        found = found.select_parts(MOUSE.parts)
    names = [split_reference(photo)[0].name for photo in found.photos]
    found = found[np.argsort(names)]
    same_labels(found, data)
    assert sorted(names) == ["img0.png", "img1.png", "img2.png"]
    held = format in ("coco", "labelme", "yolo", "landmark_csv", "csv_long")
    assert held != any("which joints are hidden" in note for note in notes)
    if held:
        np.testing.assert_array_equal(found.occluded, data.occluded)


@pytest.mark.parametrize("format", [name for name in WRITTEN_FORMATS if name != "imglab"])
def test_decimals_round_trip(tmp_path, format):
    data = mice(tmp_path)
    write_dataset(data, tmp_path / "out" / FILES[format], format)
    found = load_dataset(tmp_path / "out" / FILES[format], tmp_path)
    same_labels(found if format == "tps" else found.select_parts(MOUSE.parts), data)


@pytest.mark.parametrize(("name", "format"), [(name, format) for format, name in FILES.items() if "." in name])
def test_the_name_tells_the_format(tmp_path, name, format):
    write_dataset(_whole(mice(tmp_path)), tmp_path / name)
    found = load_dataset(tmp_path / name, tmp_path, format="landmark_csv" if format == "csv_long" else format)
    assert len(found) == 3


def test_names_that_tell_nothing(tmp_path):
    data = mice(tmp_path)
    with pytest.raises(ValueError, match=r"'labels' does not tell the format; end it in \.json.* labelme"):
        write_dataset(data, tmp_path / "labels")
    with pytest.raises(ValueError, match="labels are not written as SLEAP; use one of coco"):
        write_dataset(data, tmp_path / "x.slp", "sleap")
    with pytest.raises(ValueError, match="format must be one of"):
        write_dataset(data, tmp_path / "x", "word")
    write_dataset(data, tmp_path / "labels", "labelme")
    write_dataset(data, tmp_path / "labels", overwrite=True)


@pytest.mark.parametrize("format", WRITTEN_FORMATS)
def test_labels_are_not_replaced(tmp_path, format):
    data = mice(tmp_path)
    write_dataset(data, tmp_path / "out" / FILES[format], format)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write_dataset(data, tmp_path / "out" / FILES[format], format)
    data.joints[0, 0, :2] = 7, 8
    write_dataset(data, tmp_path / "out" / FILES[format], format, overwrite=True)
    found = load_dataset(tmp_path / "out" / FILES[format], tmp_path)
    part = "1" if format == "tps" else "nose"
    np.testing.assert_allclose(found.joints[0, found.skeleton.index(part)], [7, 8, 1], atol=1e-3)


def test_photos_are_never_replaced(tmp_path):
    data = mice(tmp_path)
    with pytest.raises(ValueError, match="is a photo of 'mice' and would be overwritten"):
        write_dataset(data, data.photos[0], "coco", overwrite=True)
    with pytest.raises(ValueError, match="is a folder; give the name of a file"):
        write_dataset(data, tmp_path, "coco", overwrite=True)
    (tmp_path / "a").write_text("")
    with pytest.raises(ValueError, match="is a file; YOLO-pose needs a folder"):
        write_dataset(data, tmp_path / "a", "yolo", overwrite=True)


def test_what_a_format_does_not_hold_is_said(tmp_path):
    data = mice(
        tmp_path, groups=["a", "a", "b"], mm_per_pixel=[1, 2, 3], boxes=np.ones((3, 4)), reference_length=[1, 2, 3]
    )
    said = " ".join(write_dataset(data, tmp_path / "x.tps"))
    for words in ("joints are hidden", "bounding boxes", "video, animal or patient", "reference lengths", "1 nose"):
        assert words in said
    assert "spacing" not in said
    said = " ".join(write_dataset(data, tmp_path / "x.json"))
    assert "spacing of the pixels, reference lengths" in said
    assert "video" not in said
    found = load_dataset(tmp_path / "x.json", tmp_path)
    assert found.groups.tolist() == ["a", "a", "b"]
    np.testing.assert_allclose(found.boxes, 1)


def test_boxes_of_coco_are_those_of_the_data_set(tmp_path):
    boxes = [[1.125, 2, 30, 20.0625], [3, 4, 20, 40], [5, 6, 7, 8]]
    write_dataset(mice(tmp_path, boxes=boxes), tmp_path / "x.json")
    np.testing.assert_allclose(load_dataset(tmp_path / "x.json", tmp_path).boxes, boxes, atol=1e-3)


@pytest.mark.parametrize("format", ["coco", "yolo", "landmark_csv", "tps"])
def test_photos_of_the_same_name_stay_apart(tmp_path, format):
    data = mice(tmp_path / "photos", names="video{}/img.png")
    write_dataset(data, tmp_path / FILES[format], format)
    found = load_dataset(tmp_path / FILES[format], tmp_path / "photos")
    assert [split_reference(photo)[0].parent.name for photo in found.photos] == ["video0", "video1", "video2"]
    same_labels(found, data)


@pytest.mark.parametrize("format", ["coco", "imglab", "tps", "yolo", "deeplabcut"])
def test_arrays_are_saved(tmp_path, format):
    data = _whole(mice(tmp_path / "photos"))
    data.photos = [read_photo(photo) for photo in data.photos]
    notes = write_dataset(data, tmp_path / "out" / FILES[format], format)
    assert any("3 pictures that were no files" in note for note in notes)
    found = load_dataset(tmp_path / "out" / FILES[format])
    np.testing.assert_array_equal(found.photo(1), data.photos[1])
    if "." in FILES[format]:
        with pytest.raises(FileExistsError, match="photo0000"):
            write_dataset(data, tmp_path / "out" / f"CollectedData_{FILES[format]}", format)


def test_pages_are_saved_where_tools_need_files(tmp_path):
    pages = [Image.fromarray(np.full((20, 30), value, np.uint8)) for value in (10, 200)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    data = PoseDataset([f"{tmp_path}/stack.tif#page=1"], [[[1, 2, 1], [3, 4, 1]]])
    write_dataset(data, tmp_path / "x.csv")
    assert load_dataset(tmp_path / "x.csv").photo(0).max() == 200
    write_dataset(data, tmp_path / "x.json")
    assert (tmp_path / "images" / "stack_page1.png").is_file()
    assert load_dataset(tmp_path / "x.json").photo(0).max() == 200


def _turned(folder, orientation):
    """A JPEG with an EXIF orientation and a white spot, which its upright picture shows at (x, y)."""
    pixels = np.zeros((24, 40, 3), np.uint8)
    pixels[5:8, 30:33] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = folder / f"o{orientation}.jpg"
    Image.fromarray(pixels).save(file, exif=exif, quality=95)
    rows, columns = np.nonzero(read_photo(file)[..., 0] > 128)
    return file, (columns.mean(), rows.mean())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_points_of_turned_photos(tmp_path, orientation):
    file, spot = _turned(tmp_path, orientation)
    stored = turned_points([spot], photo_size(file), orientation, back=True)
    np.testing.assert_allclose(stored, [[31, 6]], atol=0.3)
    np.testing.assert_allclose(turned_points(stored, (40, 24), orientation), [spot])
    box = turned_boxes([[30, 5, 3, 2]], (40, 24), orientation)
    np.testing.assert_allclose(turned_boxes(box, photo_size(file), orientation, back=True), [[30, 5, 3, 2]])


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("format", ["imglab", "tps", "coco"])
def test_tools_that_ignore_orientation(tmp_path, format, orientation):
    file, spot = _turned(tmp_path, orientation)
    spot = np.rint(spot)
    boxes = [[*spot - 2, 6, 6]]
    notes = write_dataset(PoseDataset([file], [[[*spot, 1]]], boxes=boxes), tmp_path / FILES[format], format)
    is_turned = format != "coco" and orientation != 1
    assert any("were turned" in note for note in notes) == is_turned
    found = load_dataset(tmp_path / FILES[format])
    x, y = found.joints[0, 0, :2].round().astype(int)
    assert found.photo(0)[y, x, 0] > 200
    upright = write_dataset(found, tmp_path / "again.json")
    assert any("were turned" in note for note in upright) == is_turned
    np.testing.assert_allclose(load_dataset(tmp_path / "again.json").joints[0, 0, :2], spot, atol=1)


def test_predictions_as_labels(tmp_path):
    photos = [write_photo(tmp_path / f"{i}.png", (40, 30)) for i in range(3)]
    joints = np.full((2, 4, 2), np.nan, np.float32)
    joints[0] = [[1, 2], [3, 4], [5, 6], [np.nan, np.nan]]
    poses = [
        Pose(each, each[..., 0], MOUSE, np.zeros((30, 40, 3), np.uint8)) for each in (joints, joints + 1, joints[1:])
    ]
    found = dataset_of_poses(photos, poses)
    assert found.photos == photos[:2]
    np.testing.assert_array_equal(found.joints[1], [[2, 3, 1], [4, 5, 1], [6, 7, 1], [0, 0, 0]])
    assert found.skeleton is MOUSE
    assert found.notes == ("subjects without a joint are left out: 3",)
    write_dataset(found, tmp_path / "labelme", "labelme")
    same_labels(
        load_dataset(tmp_path / "labelme", tmp_path).select_parts(MOUSE.parts[:3]), found.select_parts(MOUSE.parts[:3])
    )


def test_predictions_that_are_arrays(tmp_path):
    data = mice(tmp_path)
    found = dataset_of_poses(data.photos, data.joints[:, None, :, :2], like=data)
    assert found.skeleton is data.skeleton
    assert found.name == "mice"


def test_predictions_that_do_not_fit(tmp_path):
    with pytest.raises(ValueError, match="1 photos but 2 poses"):
        dataset_of_poses(["a"], [np.zeros((1, 3, 2))] * 2)
    with pytest.raises(ValueError, match=r"must be \(n, P, 2\); got shape \(3, 2\)"):
        dataset_of_poses(["a"], [np.zeros((3, 2))])
    with pytest.raises(ValueError, match="no joint was found in 1 photos"):
        dataset_of_poses(["a"], [np.full((1, 3, 2), np.nan)])
    poses = [
        Pose(np.zeros((1, 2, 2)), np.zeros((1, 2)), MOUSE.select(order), np.zeros((3, 3, 3)))
        for order in ([0, 1], [1, 0])
    ]
    with pytest.raises(ValueError, match="give poses of one machine"):
        dataset_of_poses(["a", "b"], poses)
