"""Crops: pixels, joints and transforms, what they carry, and the cache."""

import cv2
import numpy as np
import pytest

from posemachines import PoseDataset
from posemachines.datasets import crops as crops_module
from posemachines.geometry import to_crop, to_photo

from .formats import FORK


def test_crops_and_the_way_back(people, joints):
    X, y, transforms = people.crops(48)
    assert X.shape == (6, 48, 48, 3)
    assert X.dtype == np.uint8
    assert y.shape == (6, 3, 3)
    assert y.dtype == np.float32
    labelled = joints[..., 2] > 0
    np.testing.assert_allclose(to_photo(y[..., :2], transforms)[labelled], joints[..., :2][labelled], atol=1e-3)
    assert not y[~labelled].any()
    for person in range(6):
        box = y[person, labelled[person], :2]
        assert (box.max(0) - box.min(0)).max() == pytest.approx(0.7 * 48, rel=1e-4)
        assert (box.max(0) + box.min(0)) / 2 == pytest.approx([23.5, 23.5], abs=1e-3)


def test_photos_from_files(photos, joints, tmp_path):
    for index, photo in enumerate(photos):
        cv2.imencode(".png", photo[..., ::-1])[1].tofile(tmp_path / f"{index}.png")
    paths = sorted(tmp_path.glob("*.png"))
    from_files = PoseDataset(paths, joints, FORK).crops(32, n_jobs=2)
    in_memory = PoseDataset(photos, joints, FORK).crops(32, n_jobs=1)
    np.testing.assert_array_equal(from_files.X, in_memory.X)
    sizes = [PoseDataset(each, joints, FORK, crop_rule="photo").person_size for each in (paths, photos)]
    np.testing.assert_array_equal(*sizes)
    paths[3].write_bytes(paths[3].read_bytes()[:200])
    with pytest.raises(ValueError, match="truncated"):
        PoseDataset(paths, joints, FORK).crops(32)
    paths[4].unlink()
    with pytest.raises(FileNotFoundError, match="no photo at"):
        PoseDataset(paths[4:5], joints[4:5], FORK).crops(32)
    with pytest.raises(FileNotFoundError, match="no photo at"):
        PoseDataset(paths[4:], joints[4:], FORK, crop_rule="photo")


def test_sideways_photos_stand_up(joints, tmp_path):
    from PIL import Image

    picture = Image.fromarray(np.zeros((40, 70, 3), np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.jpg", exif=exif)
    turned = PoseDataset([tmp_path / "turned.jpg"], joints[:1], FORK, crop_rule="photo")
    assert turned.photo(0).shape == (70, 40, 3)
    np.testing.assert_allclose(turned.centre[0], [19.5, 34.5])


def test_grey_and_transparent_photos_are_converted(photos, joints):
    mixed = [photos[0][..., 0], np.dstack([photos[1], np.full(photos[1].shape[:2], 255, np.uint8)])]
    X = PoseDataset(mixed, joints[:2], FORK).crops(32).X
    assert (X[0] == X[0][..., :1]).all()
    np.testing.assert_array_equal(X[1], PoseDataset(photos[1:2], joints[1:2], FORK).crops(32).X[0])


def test_joints_outside_the_photo_are_left_out(photos, joints):
    joints[0, 0, :2] = 200, 10
    joints[1, 2, :2] = -0.4, 3
    with pytest.warns(UserWarning, match="1 labelled joints lie outside"):
        y = PoseDataset(photos, joints, FORK).crops(32).y
    assert not y[0, 0].any()
    assert y[1, 2, 2] == 1, "the edge belongs to the photo"


def test_a_person_without_labels(photos, joints):
    joints[3] = 0
    people = PoseDataset(photos, joints, FORK)
    with pytest.raises(ValueError, match="1 subjects, number 3 first, have no centre or size"):
        people.crops(32)
    assert people[people.labelled].crops(32).X.shape == (5, 32, 32, 3)
    assert PoseDataset(photos, joints, FORK, crop_rule="photo").crops(32).X.shape == (6, 32, 32, 3)


def test_people_without_joints_can_be_cropped(photos):
    people = PoseDataset(photos, skeleton=FORK, crop_rule="photo")
    assert people.crops(32).y.shape == (6, 3, 3)
    assert not people.labelled.any()


def test_the_cache_serves_and_notices_changes(people, tmp_path, monkeypatch):
    first = people.crops(32, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    monkeypatch.setattr(crops_module, "cut_crop", lambda *_: pytest.fail("crops were cut again"))
    again = people.crops(32, cache=tmp_path)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    monkeypatch.undo()
    people[:3].crops(32, cache=tmp_path)
    people.crops(40, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3, "other people and sizes have other keys"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.warns(UserWarning, match="cutting them again"):
        again = people.crops(32, cache=tmp_path)
    np.testing.assert_array_equal(again.X, first.X)


@pytest.mark.parametrize("size", [0, -4, 12.5, "128"])
def test_bad_sizes(people, size):
    with pytest.raises(ValueError, match="positive integer"):
        people.crops(size)


def test_crops_carry_what_belongs_to_the_subjects(photos, joints):
    hidden = np.zeros((4, 3), bool)
    hidden[2, 1] = True
    dataset = PoseDataset(
        [photos[0], photos[1], photos[0], photos[0]],
        joints[:4],
        FORK,
        occluded=hidden,
        groups=list("aabc"),
        name="forks",
    )
    crops = dataset.crops(32)
    assert len(crops) == 4
    assert (crops.name, crops.crop_rule, crops.side_convention, crops.skeleton) == ("forks", "joints", "person", FORK)
    assert crops.padding == pytest.approx(1 / 0.7)
    assert crops.others.shape == (4, 2, 3, 3)
    expected = to_crop(dataset.joints[2, :, :2], crops.transforms[0])
    seen = dataset.joints[2, :, 2] > 0
    np.testing.assert_allclose(crops.others[0, 0, seen, :2], expected[seen], rtol=1e-5)
    assert not crops.others[1].any()
    some = crops[[2, 1]]
    np.testing.assert_array_equal(some.X, crops.X[[2, 1]])
    np.testing.assert_array_equal(some.occluded, hidden[[2, 1]])
    assert list(some.groups) == ["b", "a"]
    assert len(crops[:3]) == 3
    assert len(crops[-1]) == 1
    assert repr(crops) == "<Crops 'forks': 4 subjects, 32 x 32 px, 3 parts (fork), crop rule 'joints'>"
    assert dataset[:2].crops(32).others is None


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda joints: joints / [200, 30, 1], "normalised to 0..1"),
        (lambda joints: joints[..., [1, 0, 2]], r"look like \(y, x\)"),
        (lambda joints: joints * [30, 30, 1], "lie outside their photos"),
    ],
)
def test_joints_of_another_frame_are_recognised(rng, spoil, message):
    photos = [np.zeros((30, 200, 3), np.uint8) for _ in range(6)]
    joints = np.concatenate([rng.uniform(70, 190, (6, 3, 1)), rng.uniform(3, 28, (6, 3, 1)), np.ones((6, 3, 1))], -1)
    PoseDataset(photos, joints, FORK).crops(16)
    with pytest.raises(ValueError, match=message):
        PoseDataset(photos, spoil(joints), FORK, crop_rule="photo").crops(16)
