"""Annotations meet their photos: missing ones, other resolutions, spacing."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from posemachines.datasets.building import dataset_of
from posemachines.datasets.matched_photos import match_photos
from posemachines.io.annotations import Annotations
from posemachines.skeleton import Skeleton


@pytest.fixture
def found(tmp_path):
    """Ten subjects of two parts, of whose photos, 60 x 40, the fourth is missing."""
    rng = np.random.default_rng(0)
    for number in range(10):
        if number != 3:
            Image.fromarray(rng.integers(0, 255, (40, 60, 3), np.uint8)).save(tmp_path / f"{number}.png")
    joints = np.concatenate([rng.uniform(5, 35, (10, 2, 2)), np.ones((10, 2, 1))], -1).astype(np.float32)
    joints[5, 1] = 0
    return Annotations(
        "ten",
        [f"{number}.png" for number in range(10)],
        joints,
        Skeleton("two", ("a", "b")),
        boxes=np.tile([4.0, 6, 20, 10], (10, 1)),
        sizes=np.tile([60.0, 40], (10, 1)),
        groups=[str(number // 2) for number in range(10)],
    )


def test_missing_photos_take_their_subjects_with_them(found, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        data = dataset_of(found, tmp_path, "labels.csv", crop_rule="joints")
    kept = [0, 1, 2, *range(4, 10)]
    np.testing.assert_array_equal(data.joints, found.joints[kept])
    assert list(data.groups) == [found.groups[index] for index in kept]
    assert any("1 of 10 photos are missing, 3.png first" in note for note in data.notes)
    assert "1 of 10 photos are missing" in caplog.text
    with pytest.raises(FileNotFoundError, match="1 of 10 photos"):
        dataset_of(found, tmp_path, "labels.csv", crop_rule="joints", max_missing=0.05)


def test_given_centres_follow(found, tmp_path):
    centre, size = np.arange(20).reshape(10, 2), np.arange(10) + 1
    data = dataset_of(found, tmp_path, "labels.csv", crop_rule="own", centre=centre, person_size=size)
    np.testing.assert_array_equal(data.centre, np.delete(centre, 3, 0))
    np.testing.assert_array_equal(data.person_size, np.delete(size, 3))


def test_labels_of_another_resolution(found, tmp_path):
    half = replace(
        found,
        joints=np.where(found.joints[..., 2:] > 0, (found.joints + [0.5, 0.5, 0]) / [2, 2, 1] - [0.5, 0.5, 0], 0),
        sizes=found.sizes / 2,
        boxes=np.tile([1.75, 2.75, 10, 5], (10, 1)),
        mm_per_pixel=np.full(10, 0.2),
        reference_length=np.full(10, 8.0),
    )
    with pytest.raises(ValueError, match=r"another resolution \(30 x 20\) than the photos \(60 x 40\)"):
        match_photos(half, tmp_path, "labels.csv")
    matched = match_photos(
        half, tmp_path, "labels.csv", rescale=True, centre=np.zeros((10, 2)), person_size=np.ones(10)
    )
    kept = [0, 1, 2, *range(4, 10)]
    np.testing.assert_allclose(matched.found.joints, found.joints[kept], atol=1e-4)
    np.testing.assert_allclose(matched.found.sizes, found.sizes[kept])
    np.testing.assert_allclose(matched.found.boxes, found.boxes[kept])
    np.testing.assert_allclose(matched.found.mm_per_pixel, 0.1)
    np.testing.assert_allclose(matched.found.reference_length, 16)
    np.testing.assert_allclose(matched.centre, 0.5)
    np.testing.assert_allclose(matched.person_size, 2)


def test_spacing_of_dicom_files_is_taken(found, tmp_path):
    pydicom = pytest.importorskip("pydicom")
    from tests.photos.test_dicom import write

    values = np.arange(2400, dtype=np.uint16).reshape(40, 60)
    write(tmp_path / "0.dcm", values, PixelSpacing=[0.25, 0.25])
    one = replace(found.take([0, 1]), photos=["0.dcm", "1.png"])
    np.testing.assert_array_equal(match_photos(one, tmp_path, "labels.csv").found.mm_per_pixel, [0.25, np.nan])
    own = replace(one, mm_per_pixel=np.array([1.0, 2.0]))
    np.testing.assert_array_equal(match_photos(own, tmp_path, "labels.csv").found.mm_per_pixel, [1, 2])
    assert match_photos(found, tmp_path, "labels.csv").found.mm_per_pixel is None
    assert pydicom is not None


def test_cached_crops_follow_the_file_of_a_reference(tmp_path):
    """The time of a file was looked for under the name with its options, so an old cache stayed."""
    import os

    from posemachines import PoseDataset
    from posemachines.photos import reference

    file = tmp_path / "stack.tif"
    joints = np.array([[[10, 10, 1], [40, 30, 1]]])
    data = PoseDataset([reference(file, page=0)], joints)
    seen = []
    for level in (50, 200):
        Image.new("RGB", (60, 40), (level,) * 3).save(file)
        os.utime(file, ns=(level, level))
        seen.append(data.crops(16, cache=tmp_path / "cache").X[0, 8, 8, 0])
    assert seen == [50, 200]
