"""Files of labelme, CVAT, Label Studio and VIA, from the folder that the user gives to the pixels of the photo."""

import base64

import cv2
import numpy as np
import pytest

from posemachines import PoseDataset, load_dataset
from posemachines.io.labelme import write_labelme
from tests.io import test_cvat, test_label_studio, test_via
from tests.io.test_labelme import FORK, point, write

SPOT = 20, 30  # pixel of the spot that is labelled


def draw(file, size=(70, 50)):
    """A photo with one white pixel."""
    file.parent.mkdir(parents=True, exist_ok=True)
    photo = np.zeros((size[1], size[0], 3), np.uint8)
    photo[SPOT[1], SPOT[0]] = 255
    cv2.imwrite(str(file), photo)
    return file


def on_the_spot(dataset, part="nose"):
    x, y, seen = dataset.joints[0, dataset.skeleton.index(part)]
    assert seen
    assert (x, y) == pytest.approx(SPOT)
    assert dataset.photo(0)[round(float(y)), round(float(x))].min() > 200


MIDDLE = SPOT[0] + 0.5, SPOT[1] + 0.5  # of the pixel, for tools that count from the corner


@pytest.mark.parametrize("given", ["labels", "labels/a.json", "."])
def test_labelme_beside_the_photos(tmp_path, given):
    draw(tmp_path / "photos" / "a.png")
    write(tmp_path / "labels" / "a.json", [point("nose", *MIDDLE), point("tail", 1, 1)], photo="../photos/a.png")
    on_the_spot(load_dataset(tmp_path / given))


def test_labelme_with_the_picture_embedded(tmp_path):
    file = draw(tmp_path / "other" / "b.png")
    data = base64.b64encode(file.read_bytes()).decode()
    write(tmp_path / "labels" / "a.json", [point("nose", *MIDDLE), point("tail", 1, 1)], data=data)
    on_the_spot(load_dataset(tmp_path / "labels"))
    on_the_spot(load_dataset(tmp_path / "labels", tmp_path / "other"))


def test_what_was_written_for_labelme_is_loaded(tmp_path):
    photos = [draw(tmp_path / "photos" / f"{name}.png") for name in "ab"]
    joints = np.float32([[(*SPOT, 1), (1, 2, 1), (3, 4, 0)], [(5.25, 6, 1), (7, 8, 1), (9, 10, 1)]])
    written = PoseDataset(photos, joints, FORK)
    write_labelme(tmp_path / "labels", written)
    found = load_dataset(tmp_path / "labels")
    on_the_spot(found)
    np.testing.assert_array_equal(found.joints[..., 2], joints[..., 2])
    np.testing.assert_array_equal(found.joints[1], joints[1])


def test_an_export_of_cvat(tmp_path):
    draw(tmp_path / "images" / "a.png")
    body = test_cvat.SKELETONS.replace('outside="1"', 'outside="0"').replace("30.00,40.00", f"{MIDDLE[0]},{MIDDLE[1]}")
    test_cvat.write(tmp_path, body)
    data = load_dataset(tmp_path)
    on_the_spot(data)
    assert data.skeleton.limbs == ((0, 2),)
    assert "left-right" not in " ".join(data.notes)


def test_cvat_of_a_video(tmp_path):
    film = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (640, 480))
    for number in range(8):
        film.write(np.full((480, 640, 3), 30 * number, np.uint8))
    film.release()
    test_cvat.write(tmp_path, test_cvat.TRACKS, source="v.avi")
    data = load_dataset(tmp_path)
    assert [round(float(data.photo(index).mean()) / 30) for index in range(3)] == [3, 5, 5]


@pytest.mark.parametrize("place", ["media/upload/1/1a2b3c4d-a.png", "photos/a.png", "images/a.png"])
def test_uploads_of_label_studio(tmp_path, place):
    draw(tmp_path / place)
    percent = 100 * MIDDLE[0] / 70, 100 * MIDDLE[1] / 50
    points = [
        test_label_studio.point("nose", *percent, size=(70, 50)),
        test_label_studio.point("tail", 1, 1, size=(70, 50)),
    ]
    test_label_studio.write(tmp_path, test_label_studio.task(*points, image="/data/upload/1/1a2b3c4d-a.png"))
    on_the_spot(load_dataset(tmp_path / "export.json"))


def test_options_of_a_format(tmp_path):
    draw(tmp_path / "a.png")
    regions = [test_via.point(*SPOT, part="nose", code="N"), test_via.point(1, 2, part="tail", code="T")]
    draw(tmp_path / "b.png")
    photos = [test_via.photo(name, *regions) for name in ("a.png", "b.png")]
    file = test_via.write(tmp_path, test_via.project(*photos))
    with pytest.raises(ValueError, match=r"several attributes .*read as VIA: photos with regions"):
        load_dataset(file)
    on_the_spot(load_dataset(file, attribute="code"), "N")
