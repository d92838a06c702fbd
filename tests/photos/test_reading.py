"""Photos of every kind are read, upright, and have the size that their header says."""

import base64
import json
import warnings

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

import posemachines
from posemachines.photos import is_turned, photo_size, pixel_spacing, read_photo, reference, to_rgb

SMOOTH = np.stack(np.broadcast_arrays(np.arange(28) * 8, np.arange(20)[:, None] * 10, 90), -1).astype(np.uint8)
ORIENTED = {"jpg": 3, "png": 0, "webp": 2, "tif": 0}  # and how much their compression changes


def save(path, values, **options):
    Image.fromarray(values).save(path, **options)
    return path


@pytest.fixture
def picture(rng):
    return rng.integers(0, 255, (20, 28, 3), np.uint8)


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp", "gif", "ppm", "jp2"])
def test_formats(tmp_path, picture, suffix):
    grey = np.repeat(picture[..., :1], 3, -1)  # of which GIF has enough
    path = save(tmp_path / f"a.{suffix}", grey, **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(read_photo(path), grey)
    assert photo_size(str(path)) == (28, 20)
    assert not is_turned(path)
    assert pixel_spacing(path) is None


def test_arrays_are_photos(picture):
    np.testing.assert_array_equal(read_photo(picture[..., 0]), to_rgb(picture[..., 0]))
    assert photo_size(picture) == (28, 20)
    assert pixel_spacing(picture) is None
    assert not is_turned(picture)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "RGB", "I;16"])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_modes(tmp_path, picture, mode, suffix):
    if (mode, suffix) == ("CMYK", "png"):
        return  # the format has no such pictures
    opaque = np.dstack([picture, np.full((20, 28), 255, np.uint8)])
    if mode == "I;16":
        ramp = np.arange(560, dtype=np.uint16).reshape(20, 28) * 100
        image, expected = Image.fromarray(ramp), None
    else:
        image = Image.fromarray(opaque).convert("RGB").convert(mode)
        expected = np.asarray(image.convert("RGB"))
    image.save(tmp_path / f"a.{suffix}")
    found = read_photo(tmp_path / f"a.{suffix}")
    assert found.shape == (20, 28, 3)
    if expected is None:
        assert (np.diff(found[..., 0].ravel().astype(int)) >= 0).all()
    else:
        np.testing.assert_array_equal(found, expected)


def test_transparency_is_grey(tmp_path, picture):
    alpha = np.zeros((20, 28), np.uint8)
    alpha[5] = 255
    for suffix in ("png", "tif", "webp"):
        save(tmp_path / f"a.{suffix}", np.dstack([picture, alpha]), **({"lossless": True} if suffix == "webp" else {}))
        found = read_photo(tmp_path / f"a.{suffix}")
        np.testing.assert_array_equal(found[5], picture[5])
        assert (found[6:] == 128).all()
    Image.fromarray(picture).quantize(8).save(tmp_path / "p.png", transparency=bytes([0] * 8))
    assert (read_photo(tmp_path / "p.png") == 128).all()


def test_the_unused_byte_of_a_bitmap_is_no_transparency(tmp_path, picture):
    """32-bit bitmaps without alpha, as scanners write them: the fourth byte is 0."""
    rows = np.dstack([picture[..., ::-1], np.zeros((20, 28), np.uint8)])[::-1]
    head = np.array([40, 28, 20], "<u4").tobytes() + np.array([1, 32], "<u2").tobytes() + bytes(24)
    data = b"BM" + np.array([54 + rows.size, 0, 54], "<u4").tobytes() + head + rows.tobytes()
    (tmp_path / "a.bmp").write_bytes(data)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.bmp"), picture)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits(tmp_path, suffix):
    """They were refused, and Pillow would clip them."""
    deep = np.arange(20 * 28, dtype=np.uint16).reshape(20, 28) * 7 + 3000
    path = tmp_path / f"a.{suffix}"
    cv2.imencode(f".{suffix}", deep)[1].tofile(path)
    found = read_photo(path)
    assert (found[0, 0, 0], found[-1, -1, 0]) == (0, 255)
    assert found[10, 0, 0] == pytest.approx(128, abs=2)
    colour = np.dstack([deep, deep // 2, deep * 0])
    cv2.imencode(f".{suffix}", colour)[1].tofile(path)
    assert read_photo(path)[-1, -1, 0] == 0, "OpenCV's BGR is turned round"
    assert read_photo(path)[-1, -1, 2] == 255


def test_floats(tmp_path):
    values = np.linspace(-3, 7.5, 560, dtype=np.float32).reshape(20, 28)
    tifffile.imwrite(tmp_path / "a.tif", values)
    found = read_photo(tmp_path / "a.tif")[..., 0]
    assert (found[0, 0], found[-1, -1]) == (0, 255)
    assert (np.diff(found.ravel().astype(int)) >= 0).all()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(ORIENTED)), st.integers(1, 8), st.booleans())
def test_orientations(tmp_path_factory, suffix, orientation, stored):
    folder = tmp_path_factory.mktemp("oriented")
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if suffix == "jpg" else {"lossless": True} if suffix == "webp" else {}
    if suffix == "tif":
        tifffile.imwrite(folder / "a.tif", SMOOTH, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    else:
        save(folder / f"a.{suffix}", SMOOTH, exif=exif.tobytes(), **options)
    photo = reference(folder / f"a.{suffix}", stored=stored)
    image = Image.fromarray(SMOOTH)
    image.getexif()[0x0112] = orientation
    expected = SMOOTH if stored else np.asarray(ImageOps.exif_transpose(image))
    found = read_photo(photo)
    assert np.abs(found.astype(int) - expected).mean() <= ORIENTED[suffix]
    assert photo_size(photo) == found.shape[1::-1]
    assert is_turned(photo) == (orientation != 1)


def test_an_orientation_after_the_pixels_counts(tmp_path):
    """PNG allows its eXIf chunk there, and Pillow finds it only after decoding."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = save(tmp_path / "a.png", SMOOTH, exif=exif.tobytes()).read_bytes()
    at = data.index(b"eXIf") - 4
    chunk = data[at : at + 12 + int.from_bytes(data[at : at + 4], "big")]
    rest = data.replace(chunk, b"")
    end = rest.index(b"IEND") - 4
    (tmp_path / "a.png").write_bytes(rest[:end] + chunk + rest[end:])
    assert read_photo(tmp_path / "a.png").shape == (28, 20, 3)
    assert photo_size(tmp_path / "a.png") == (20, 28)


def test_damaged_orientations_are_ignored(tmp_path):
    save(tmp_path / "a.jpg", SMOOTH, exif=b"Exif\0\0nonsense")
    assert read_photo(tmp_path / "a.jpg").shape == SMOOTH.shape
    assert not is_turned(tmp_path / "a.jpg")


def test_the_picture_in_a_labelme_file(tmp_path, picture):
    save(tmp_path / "a.png", picture)
    data = base64.b64encode((tmp_path / "a.png").read_bytes()).decode()
    for given_data in (data, f"data:image/png;base64,{data}"):
        (tmp_path / "a.json").write_text(json.dumps({"imageData": given_data}))
        np.testing.assert_array_equal(read_photo(f"{tmp_path}/a.json#picture"), picture)
        assert photo_size(f"{tmp_path}/a.json#picture") == (28, 20)
    for content, message in (({"imageData": None}, "imageData is empty"), ([1], "not labelme's JSON")):
        (tmp_path / "a.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match=message):
            read_photo(f"{tmp_path}/a.json#picture")


def test_animations_show_their_first_picture(tmp_path, picture):
    pictures = [Image.fromarray(one) for one in (picture[..., 0], 255 - picture[..., 0])]
    for suffix in ("gif", "webp", "png"):
        path = tmp_path / f"a.{suffix}"
        pictures[0].save(path, save_all=True, append_images=pictures[1:], lossless=True)
        np.testing.assert_array_equal(read_photo(path)[..., 0], picture[..., 0])
        np.testing.assert_array_equal(read_photo(f"{path}#page=1")[..., 0], 255 - picture[..., 0])
        with pytest.raises(ValueError, match=r"no page 2; the file has 2"):
            read_photo(f"{path}#page=2")


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "bmp", "webp", "gif"])
def test_truncated_files_are_refused(tmp_path, picture, suffix):
    data = save(tmp_path / f"a.{suffix}", picture).read_bytes()
    for share in (0.3, 0.6, 0.9):
        (tmp_path / f"a.{suffix}").write_bytes(data[: int(share * len(data))])
        with pytest.raises(ValueError, match="truncated"):
            read_photo(tmp_path / f"a.{suffix}")


def test_data_behind_a_whole_picture_do_no_harm(tmp_path):
    """Telephones append more than OpenCV's users look at."""
    data = save(tmp_path / "a.jpg", SMOOTH).read_bytes() + bytes(5000)
    (tmp_path / "a.jpg").write_bytes(data)
    assert read_photo(tmp_path / "a.jpg").shape == SMOOTH.shape


def test_what_is_no_photo_is_refused(tmp_path):
    for name in ("a.jpg", "a.tif", "a.dat"):
        for content in (b"", b"not an image"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(ValueError, match="not a readable image"):
                read_photo(tmp_path / name)
            with pytest.raises(ValueError, match="not a readable image"):
                photo_size(tmp_path / name)
    for function in (read_photo, photo_size, is_turned, pixel_spacing):
        with pytest.raises(FileNotFoundError, match="no photo at"):
            function(tmp_path / "missing.png")


def test_options_for_other_kinds_of_files_are_refused(tmp_path):
    save(tmp_path / "a.png", SMOOTH)
    with pytest.raises(ValueError, match="the option frame is for videos"):
        read_photo(f"{tmp_path}/a.png#frame=0")


def test_old_names_of_the_module_still_work():
    from posemachines import inference

    for name in ("predict_photo", "photo_crops", "photo_beliefs"):
        with pytest.warns(DeprecationWarning, match=f"use posemachines.inference.photos.{name}"):
            assert getattr(posemachines.photos, name) is getattr(inference.photos, name)
    with warnings.catch_warnings(), pytest.raises(AttributeError, match="no attribute 'nothing'"):
        posemachines.photos.nothing  # noqa: B018
