"""TIFF files: pages, planes, palettes, white that is zero, compression."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from posemachines.photos import photo_size, read_photo, tiff
from posemachines.photos.turning import turned


@pytest.fixture
def pages(rng):
    return rng.integers(0, 255, (5, 12, 17), np.uint8)


def test_a_page_must_be_named(tmp_path, pages):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pages, photometric="minisblack")
    for number, page in enumerate(pages):
        np.testing.assert_array_equal(read_photo(f"{path}#page={number}")[..., 1], page)
    assert photo_size(f"{path}#page=1") == (17, 12)
    for function in (read_photo, photo_size):
        with pytest.raises(ValueError, match=r"has 5 pages; name one, counted from 0: .*a.tif#page=0"):
            function(path)
        with pytest.raises(ValueError, match="no page 5; the file has 5"):
            function(f"{path}#page=5")


def test_one_page_need_not_be_named(tmp_path, pages):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pages[0])
    np.testing.assert_array_equal(read_photo(path), read_photo(f"{path}#page=0"))


def test_a_changed_file_is_looked_at_again(tmp_path, pages):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pages, photometric="minisblack")
    read_photo(f"{path}#page=4")
    tifffile.imwrite(path, pages[:2], photometric="minisblack")
    with pytest.raises(ValueError, match="the file has 2"):
        read_photo(f"{path}#page=4")


def test_thumbnails_are_no_pages(tmp_path, pages):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(pages[0])
        writer.write(pages[0, ::2, ::2], subfiletype=1)
    np.testing.assert_array_equal(read_photo(path)[..., 0], pages[0])


def test_planes_of_grey_are_pages(tmp_path, pages):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pages, photometric="minisblack", planarconfig="separate")
    with tifffile.TiffFile(path) as file:
        assert len(file.pages) == 1
    np.testing.assert_array_equal(read_photo(f"{path}#page=3")[..., 0], pages[3])
    with pytest.raises(ValueError, match="has 5 pages"):
        read_photo(path)


def test_colours_in_planes(tmp_path, pages):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pages[:3], photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_photo(path), np.moveaxis(pages[:3], 0, -1))


def test_white_that_is_zero(tmp_path, pages):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pages[0], photometric="miniswhite")
    np.testing.assert_array_equal(read_photo(path)[..., 0], 255 - pages[0])


def test_palettes_of_sixteen_bits(tmp_path, pages, rng):
    path = tmp_path / "a.tif"
    colours = rng.integers(0, 2**16, (3, 256)).astype(np.uint16)
    tifffile.imwrite(path, pages[0], photometric="palette", colormap=colours)
    np.testing.assert_array_equal(read_photo(path), (colours.T >> 8).astype(np.uint8)[pages[0]])


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", "jpeg"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_compression(tmp_path, compression, orientation):
    smooth = np.add.outer(np.arange(16), np.arange(24) * 4).astype(np.uint8)
    path = tmp_path / "a.tif"
    Image.fromarray(smooth).save(path, compression=compression, tiffinfo={274: orientation})
    expected = smooth if orientation == 1 else np.rot90(smooth, -1)
    assert photo_size(path) == expected.shape[::-1]
    for photo, wanted in ((path, expected), (f"{path}#stored", smooth)):
        np.testing.assert_allclose(read_photo(photo)[..., 0].astype(int), wanted, atol=4 * (compression == "jpeg"))


def test_fax(tmp_path, pages):
    path = tmp_path / "a.tif"
    Image.fromarray(pages[0] > 99).save(path, compression="group4")
    np.testing.assert_array_equal(read_photo(path)[..., 0], (pages[0] > 99) * 255)


def test_pages_decoded_by_pillow(tmp_path, pages):
    path = tmp_path / "a.tif"
    first, *others = (Image.fromarray(page > 99) for page in pages)
    first.save(path, compression="group4", save_all=True, append_images=others)
    np.testing.assert_array_equal(read_photo(f"{path}#page=2")[..., 0], (pages[2] > 99) * 255)


@pytest.mark.parametrize("orientation", [1, 3, 8])
@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_deep_pages_that_are_compressed(tmp_path, orientation, kind):
    """Pillow would reduce colours of 16 bits to 8 in its own way."""
    ramp = np.arange(12 * 17).reshape(12, 17)
    path = tmp_path / "a.tif"
    pages = [Image.fromarray((ramp * step).astype(kind)) for step in (1, -1)]
    pages = pages if kind == np.float32 else [pages[0], Image.fromarray((ramp[::-1, ::-1]).astype(kind))]
    pages[0].save(path, compression="tiff_lzw", save_all=True, append_images=pages[1:], tiffinfo={274: orientation})
    first, second = (read_photo(f"{path}#page={page}&stored")[..., 0].ravel().astype(int) for page in (0, 1))
    assert (first[0], first[-1]) == (0, 255)
    assert (np.diff(first) >= 0).all()
    np.testing.assert_allclose(second, 255 - first, atol=1)
    upright = read_photo(f"{path}#page=0")[..., 0]
    np.testing.assert_array_equal(upright, turned(first.reshape(12, 17), orientation))


def test_blocks_of_imagej_are_refused(tmp_path, pages, monkeypatch):
    """ImageJ describes the first picture only of a stack of more than 4 GB."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pages[0], imagej=True, metadata={"images": 5})
    with tifffile.TiffFile(path) as file:
        data = path.read_bytes().replace(b"images=1\n", b"images=5\n")
        assert file.is_imagej
    path.write_bytes(data)
    monkeypatch.setattr(tiff, "_places_of_file", tiff._places_of_file.__wrapped__)
    with pytest.raises(ValueError, match="one block without heads"):
        read_photo(path)


def test_strips_that_are_missing_are_refused(tmp_path, rng):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, rng.integers(0, 9999, (50, 70)).astype(np.uint16), compression="zlib", rowsperstrip=10)
    (tmp_path / "a.tif").write_bytes(buffer.getvalue()[:-900])
    with pytest.raises(ValueError, match="truncated"):
        read_photo(tmp_path / "a.tif")
