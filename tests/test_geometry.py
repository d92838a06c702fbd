import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemachines.geometry import (
    box_frame,
    crop_shape,
    crop_transform,
    cut_crop,
    frame_size,
    joints_frame,
    read_photo,
    to_crop,
    to_photo,
    to_rgb,
)


@given(
    st.tuples(st.floats(-500, 5000), st.floats(-500, 5000)),
    st.floats(5, 5000),
    st.integers(16, 512),
    st.floats(0.7, 10),
)
def test_photo_to_crop_and_back(centre, person_size, size, padding):
    transform = crop_transform(centre, person_size, size, padding=padding)
    points = np.array([[centre[0], centre[1]], [centre[0] + person_size, centre[1] - person_size / 3]])
    there = to_crop(points, transform)
    assert there[0] == pytest.approx([(size - 1) / 2] * 2)
    assert there[1, 0] - there[0, 0] == pytest.approx(size / padding)
    np.testing.assert_allclose(to_photo(there, transform), points, atol=1e-3)


def test_one_transform_per_subject(rng):
    transforms = np.stack([crop_transform((50, 60), 40, 64, padding=1.4), crop_transform((10, 5), 90, 64, padding=1.4)])
    points = rng.uniform(0, 100, (2, 3, 2))
    together = to_crop(points, transforms)
    for subject in range(2):
        np.testing.assert_allclose(together[subject], to_crop(points[subject], transforms[subject]))
    np.testing.assert_allclose(to_photo(together, transforms), points)


@pytest.mark.parametrize("person_size", [20.0, 60.0, 200.0, 700.0])
def test_pixels_and_points_move_alike(person_size):
    """The centre of mass of a blurred dot in the crop is where to_crop maps the dot."""
    photo = np.zeros((300, 420, 3), np.uint8)
    x, y = 207.0, 141.0
    cv2.circle(photo, (int(x), int(y)), round(max(person_size / 12, 2)), (255, 255, 255), -1)
    transform = crop_transform((x + person_size * 0.1, y - person_size * 0.2), person_size, 64, padding=1 / 0.7)
    crop = cut_crop(photo, transform, 64).astype(float)[..., 0]
    corner = to_crop(np.array([[-0.5, -0.5], [419.5, 299.5]]), transform)
    columns, rows = np.meshgrid(np.arange(64), np.arange(64))
    inside = (columns > corner[0, 0]) & (columns < corner[1, 0]) & (rows > corner[0, 1]) & (rows < corner[1, 1])
    weight = np.where(inside & (crop > 10), crop, 0)
    weight[np.hypot(columns - to_crop([[x, y]], transform)[0, 0], rows - to_crop([[x, y]], transform)[0, 1]) > 12] = 0
    found = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
    assert np.abs(found - to_crop([[x, y]], transform)[0]).max() < 0.2


def test_pixels_outside_the_photo_are_grey():
    crop = cut_crop(np.zeros((10, 10, 3), np.uint8), crop_transform((4.5, 4.5), 10, 40, padding=2), 40)
    assert (crop[0] == 128).all()
    assert (crop[20, 20] == 0).all()


def test_frames_of_joints_and_boxes():
    joints = np.array([[[10, 20, 1], [30, 100, 1], [-999, 5, 0]], [[5, 5, 1], [0, 0, 0], [0, 0, 0]], np.zeros((3, 3))])
    centre, person_size = joints_frame(joints)
    np.testing.assert_allclose(centre[:2], [[20, 60], [5, 5]])
    np.testing.assert_allclose(person_size[:2], [80, 1])
    assert np.isnan(centre[2]).all()
    assert np.isnan(person_size[2])
    centre, person_size = box_frame([[0, 0, 11, 5]])
    np.testing.assert_allclose(centre, [[5, 2]])
    assert person_size == [11]
    with pytest.raises(ValueError, match="positive width"):
        box_frame([[0, 0, 0, 5]])
    with pytest.raises(ValueError, match=r"\(N, 4\)"):
        box_frame([0, 0, 4, 5])


@pytest.mark.parametrize(
    "arguments", [((np.nan, 1), 10, 64, 1.4), ((1, 1), 0, 64, 1.4), ((1, 1), 5, 0, 1.4), ((1, 1), 5, 64, -1)]
)
def test_impossible_frames_are_rejected(arguments):
    *frame, padding = arguments
    with pytest.raises(ValueError, match="must be"):
        crop_transform(*frame, padding=padding)


def test_images_become_rgb(rng):
    grey = rng.integers(0, 255, (6, 8), np.uint8)
    for image in (grey, grey[..., None]):
        np.testing.assert_array_equal(to_rgb(image), np.stack([grey] * 3, -1))
    assert (to_rgb(grey > 100)[..., 0] == (grey > 100) * 255).all()
    rgba = np.dstack([grey, grey, grey, np.full_like(grey, 255)])
    np.testing.assert_array_equal(to_rgb(rgba), rgba[..., :3])
    rgba[..., 3] = 0
    assert (to_rgb(rgba) == 128).all(), "transparent pixels are grey"


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (np.zeros((4, 4, 3)), "must be uint8"),
        (np.zeros((4, 4, 2), np.uint8), "got shape"),
        (np.zeros((0, 4, 3), np.uint8), "got shape"),
        (np.zeros(4, np.uint8), "got shape"),
    ],
)
def test_other_images_are_rejected(photo, message):
    with pytest.raises(ValueError, match=message):
        to_rgb(photo)


def test_photo_files(tmp_path, rng):
    photo = rng.integers(0, 255, (40, 60, 3), np.uint8)
    path = tmp_path / "photo ü.png"
    cv2.imencode(".png", photo[..., ::-1])[1].tofile(path)
    np.testing.assert_array_equal(read_photo(path), photo)
    grey = tmp_path / "grey.png"
    cv2.imencode(".png", photo[..., 0])[1].tofile(grey)
    assert read_photo(grey).shape == (40, 60, 3)
    clear = tmp_path / "clear.png"
    cv2.imencode(".png", np.dstack([photo[..., ::-1], np.zeros((40, 60), np.uint8)]))[1].tofile(clear)
    assert (read_photo(clear) == 128).all(), "transparent pixels are grey"
    for suffix in ("jpg", "png"):
        whole = cv2.imencode(f".{suffix}", photo)[1]
        cut = tmp_path / f"cut.{suffix}"
        whole[: len(whole) // 2].tofile(cut)
        with pytest.raises(ValueError, match="may be truncated"):
            read_photo(cut)
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("not an image")
    for name in ("empty.jpg", "text.jpg"):
        with pytest.raises(ValueError, match="not a readable image"):
            read_photo(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="no photo at"):
        read_photo(tmp_path / "missing.jpg")


@given(
    st.tuples(st.floats(-500, 5000), st.floats(-500, 5000)),
    st.floats(5, 5000),
    st.tuples(st.integers(16, 512), st.integers(16, 512)),
    st.floats(0.7, 10),
)
def test_photo_to_crop_and_back_with_unequal_axes(centre, person_size, shape, padding):
    transform = crop_transform(centre, person_size, shape, padding=padding)
    height, width = shape
    points = np.array([[centre[0], centre[1]], [centre[0] + person_size, centre[1] - person_size / 3]])
    there = to_crop(points, transform)
    assert there[0] == pytest.approx([(width - 1) / 2, (height - 1) / 2])
    assert there[1, 0] - there[0, 0] == pytest.approx(max(shape) / padding)
    np.testing.assert_allclose(to_photo(there, transform), points, atol=1e-3)


@given(st.tuples(st.floats(1, 1000), st.floats(1, 1000)), st.tuples(st.integers(8, 300), st.integers(8, 300)))
def test_the_smallest_frame_of_a_shape_encloses_the_subject(extent, shape):
    height, width = shape
    longer = float(frame_size(np.array(extent), width / height))
    sides = np.array([width, height]) * longer / max(shape)
    assert (sides >= np.array(extent) * (1 - 1e-5)).all()
    assert np.isclose(sides, extent, rtol=1e-5).any()
    centre, size = box_frame([[3, 4, *extent]], width / height)
    assert size[0] == pytest.approx(longer, rel=1e-5)
    np.testing.assert_allclose(centre[0], [3 + (extent[0] - 1) / 2, 4 + (extent[1] - 1) / 2], rtol=1e-4, atol=1e-3)


def test_frames_of_wide_crops():
    joints = np.array([[[10.0, 20, 1], [50, 30, 1]]])
    assert joints_frame(joints)[1][0] == 40
    assert joints_frame(joints, 4.0)[1][0] == 40
    assert joints_frame(joints, 8.0)[1][0] == 80
    assert joints_frame(joints, 0.5)[1][0] == 80
    for aspect in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="width divided by its height"):
            joints_frame(joints, aspect)
    photo = np.zeros((60, 90, 3), np.uint8)
    assert cut_crop(photo, crop_transform((30, 30), 40, (16, 64), padding=2), (16, 64)).shape == (16, 64, 3)


@pytest.mark.parametrize("size", [0, (3, 0), (3, 4, 5), 3.5, (True, 4), "ab"])
def test_sizes_that_are_none(size):
    with pytest.raises(ValueError, match="size must be a positive integer of pixels, or two of them"):
        crop_shape(size)
