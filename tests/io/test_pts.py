"""Files of points."""

import numpy as np
import pytest

from posemachines import load_dataset
from posemachines.io.pts import read_pts, recognise_pts

from .toys import write_photo

POINTS = [(1, 1), (11.5, 5.25), (30, 20)]


def _pts(path, points=POINTS, n=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = "\n".join(f"{x} {y}" for x, y in points)
    path.write_text(f"version: 1\nn_points: {len(points) if n is None else n}\n{{\n{rows}\n}}\n")
    return path


def test_pixels_count_from_one(tmp_path):
    write_photo(tmp_path / "face.png", (30, 20))
    found = read_pts(_pts(tmp_path / "face.pts"))
    np.testing.assert_allclose(found.joints[0], [[0, 0, 1], [10.5, 4.25, 1], [29, 19, 1]])
    assert found.photos == ["face.png"]
    assert found.skeleton.parts == ("1", "2", "3")


def test_a_folder_of_folders(tmp_path):
    for name in ("indoor/a2", "indoor/a10", "outdoor/b"):
        _pts(tmp_path / f"{name}.pts")
        write_photo(tmp_path / f"{name}.jpg", (30, 20))
    assert recognise_pts(tmp_path).startswith("read as .pts files, such as a")
    data = load_dataset(tmp_path)
    assert [photo.relative_to(tmp_path).as_posix() for photo in data.photos] == [
        "indoor/a2.jpg", "indoor/a10.jpg", "outdoor/b.jpg",
    ]  # fmt: skip


def test_photos_in_a_folder_of_their_own(tmp_path):
    _pts(tmp_path / "labels" / "a.pts")
    write_photo(tmp_path / "photos" / "a.png", (30, 20))
    data = load_dataset(tmp_path / "labels", tmp_path / "photos")
    assert data.photos[0] == tmp_path / "photos" / "a.png"


def test_missing_photos_are_named(tmp_path):
    _pts(tmp_path / "a.pts")
    with pytest.raises(FileNotFoundError, match="a"):
        load_dataset(tmp_path)


def test_two_photos_of_one_name(tmp_path):
    _pts(tmp_path / "a.pts")
    write_photo(tmp_path / "a.png", (30, 20))
    write_photo(tmp_path / "a.jpg", (30, 20))
    with pytest.raises(ValueError, match=r"several photos of the name a: a\.jpg, a\.png"):
        read_pts(tmp_path)


def test_missing_points(tmp_path):
    found = read_pts(_pts(tmp_path / "a.pts", [("nan", "nan"), (2, 3), (-1, -1)]))
    np.testing.assert_array_equal(found.joints[0], [[0, 0, 0], [1, 2, 1], [0, 0, 0]])
    _pts(tmp_path / "b.pts", [("nan", "nan")] * 3)
    assert "files without a labelled point are left out: 1" in read_pts(tmp_path).notes


def test_markups_are_not_mixed(tmp_path):
    _pts(tmp_path / "a.pts")
    _pts(tmp_path / "b.pts", POINTS[:2])
    with pytest.raises(ValueError, match=r"2 points in 1 files, b\.pts first; 3 points in 1 files, a\.pts first"):
        read_pts(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 1\nn_points: 3\n{\n1 2\n}", "announces n_points 3, but has 1 points"),
        ("version: 1\nn_points: 1\n{\n1 a\n}", "point 1 is not x and y: '1 a'"),
        ("version: 1\nn_points: 1\n{\n1 2 3\n}", "point 1 is not x and y"),
        ("1 2\n3 4\n", "no file of points"),
        ("version: 1\nn_points: 1\n{\n1 2\n", "no file of points"),
    ],
)
def test_damaged_files(tmp_path, text, message):
    (tmp_path / "a.pts").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_pts(tmp_path / "a.pts")


def test_other_files(tmp_path):
    (tmp_path / "a.pts").write_text("hello")
    assert recognise_pts(tmp_path / "a.pts") is None
    assert recognise_pts(tmp_path) is None
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no \.pts file"):
        read_pts(tmp_path / "empty")
