"""The right photo is found, or none; sizes that annotations state are compared with the photos."""

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from posemachines.io.photo_files import check_sizes, find_photo, find_photos, rescale_points
from posemachines.photos import photo_size


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def find(folder, names, source=None, **options):
    return find_photos(folder, names, source or Path(folder).parent / "labels.csv", **options)


@pytest.fixture
def project(tmp_path):
    """A project of two videos with the same names of frames."""
    numbers = [f"img{number}.png" for number in range(4)]
    return touch(tmp_path / "project", *(f"labeled-data/{video}/{name}" for video in "AB" for name in numbers))


NAMES = [f"labeled-data/B/img{number}.png" for number in range(4)]


def test_the_photo_of_another_video_is_not_taken(project, tmp_path):
    """It was, since leading folders were dropped until something matched."""
    assert find_photo(project / "labeled-data" / "A", NAMES[0]) is None
    with pytest.raises(FileNotFoundError, match=r"4 of 4 photos .*A.img0.png is in another folder than labeled-data/B"):
        find(project / "labeled-data" / "A", NAMES)
    alone = touch(tmp_path / "A", "img0.png")
    assert find_photo(alone, "labeled-data/B/img0.png") is None
    touch(tmp_path / "other/A", "left/img0.png")
    assert find_photo(tmp_path / "other/A", "B/left/img0.png") is None


@pytest.mark.parametrize("inside", ["", "labeled-data", "labeled-data/B"])
@pytest.mark.parametrize("prefix", ["", "C:\\work\\", "/home/you/", "./", "file:///mnt/"])
def test_any_folder_that_the_names_mention_may_be_given(project, inside, prefix, monkeypatch):
    names = [prefix + (name.replace("/", "\\") if "\\" in prefix else name) for name in NAMES]
    expected = [project / name for name in NAMES]
    found = find(project / inside, names)
    assert found.paths == expected
    assert found.kept == [0, 1, 2, 3]
    assert not found.missing
    monkeypatch.chdir(project / inside)
    assert find(".", names).paths == expected


def test_a_folder_may_have_moved(tmp_path):
    moved = touch(tmp_path / "B", "img0.png", "img1.png")
    assert find(moved, NAMES[:2]).paths == [moved / "img0.png", moved / "img1.png"]
    assert find_photo(moved, "project/B/img0.png") == moved / "img0.png"


def test_folders_above_are_searched_too(project):
    found = find(project.parent, NAMES)
    assert found.paths == [project / name for name in NAMES]
    assert "searched in all folders" in found.notes[0]


def test_both_videos_need_a_folder_above_both(project):
    names = [name.replace("B", video) for video in "AB" for name in NAMES]
    assert find(project, names).paths == [project / name for name in names]
    with pytest.raises(FileNotFoundError, match="4 of 8 photos"):
        find(project / "labeled-data" / "B", names)
    flat = touch(project / "images", *(Path(name).name for name in NAMES))
    with pytest.raises(ValueError, match=r"A/img0.png and labeled-data/B/img0.png would both be .*img0.png; give the"):
        find(flat, names)


FOLDERS = st.lists(st.sampled_from(["A", "B", "cam1", "labeled-data", "images"]), min_size=1, max_size=3)


@settings(max_examples=100, deadline=None)
@given(FOLDERS, FOLDERS, st.integers(0, 3))
def test_no_file_of_another_folder_is_found(tmp_path_factory, labelled, actual, level):
    """Whatever is given, folders that say something must agree, unless the folder of the photos says nothing."""
    root = tmp_path_factory.mktemp("any")
    file = touch(root, "/".join([*actual, "img0.png"])) / "/".join([*actual, "img0.png"])
    folder = root.joinpath(*actual[:level])
    found = find_photo(folder, "/".join([*labelled, "img0.png"]))
    assert found in (None, file)
    said, there = ([each for each in names if each not in ("labeled-data", "images")] for names in (labelled, actual))
    if found and said and there and folder.name not in ("labeled-data", "images"):
        assert said[-1] == there[-1]
    if folder == root and labelled == actual:
        assert found == file


def test_folders_called_images_prove_nothing(tmp_path):
    """A folder of that name is in the path of the other animal's photos, too."""
    root = touch(tmp_path, "mouse1/images/img0.png", "mouse1/images/dark.png")
    assert find_photo(root / "mouse1/images", "mouse2/images/img0.png") is None
    assert find_photo(root / "mouse1", "mouse2/images/img0.png") is None
    assert find_photo(root / "mouse1/images", "data/mouse1/images/img0.png") == root / "mouse1/images/img0.png"
    assert find_photo(root / "mouse1/images", "set1/images/dark.png") == root / "mouse1/images/dark.png"
    touch(tmp_path, "set1/images/other.png")
    assert find_photo(root / "mouse1/images", "set1/images/dark.png") is None, "set1 is there, beside mouse1"


def test_folders_whose_names_say_nothing_do_not_matter(tmp_path):
    photos = touch(tmp_path / "wings", "w1.tif", "w2.tif")
    found = find(photos, ["images/w1.tif", "images/w2.tif"])
    assert found.paths == [photos / "w1.tif", photos / "w2.tif"]
    assert "end of their paths: images/w1.tif is" in found.notes[0]
    flat = touch(tmp_path / "flat/images", "img1.tif")
    assert find(flat, ["labeled-data/B/img1.tif"]).kept == [0]
    assert find_photo(photos, "other/w1.tif") is None


def test_full_paths_of_another_computer(tmp_path):
    photos = touch(tmp_path / "fly", "w1.tif", "img7.tif")
    assert find_photo(photos, r"D:\Users\me\My wings\w1.tif") == photos / "w1.tif"
    assert find_photo(photos, "https://server.org/wings/w1.tif?size=3") == photos / "w1.tif"
    assert find_photo(photos, r"D:\Users\me\mice\img7.tif") is None, "any folder has numbered frames"
    touch(tmp_path / "bees", "w1.tif")
    assert find_photo(photos, "/home/me/bees/w1.tif") is None, "that folder is there, beside this one"
    assert find_photo(photos, f"/home/{tmp_path.name}/ants/w1.tif") is None, "its sister by name"


def test_full_paths_of_several_computers(tmp_path):
    photos = touch(tmp_path / "fly", "w1.tif", "w2.tif")
    names = [r"C:\a\fly\w1.tif", "/home/you/work/fly/w2.tif"]
    assert find(photos, names).paths == [photos / "w1.tif", photos / "w2.tif"]


def test_bare_names_in_subfolders(tmp_path):
    root = touch(tmp_path / "root", "images/fish/a.png", "images/more/b.png", ".hidden/a.png", "c.txt")
    found = find(root, ["a.png", "b.png"])
    assert found.paths == [root / "images/fish/a.png", root / "images/more/b.png"]
    assert "searched in all folders" in found.notes[0]
    touch(root, "masks/a.png")
    with pytest.raises(ValueError, match=r"a.png may be .*fish.a.png or .*masks.a.png; give the folder of the photos"):
        find(root, ["a.png", "b.png"])
    assert find(root / "images", ["a.png", "b.png"]).kept == [0, 1]


def test_photos_elsewhere_do_not_stand_in_for_missing_ones(tmp_path):
    root = touch(tmp_path / "root", *(f"img{number}.png" for number in range(19)), "old/img19.png")
    found = find(root, [f"img{number}.png" for number in range(20)])
    assert found.missing == ["img19.png"]


def test_some_photos_may_be_missing(tmp_path):
    """One of them refused the whole set."""
    root = touch(tmp_path / "root", *(f"{number}.png" for number in range(9)))
    names = [f"{number}.png" for number in range(10)]
    found = find(root, [*names, "9.png", "0.png"])
    assert found.missing == ["9.png"]
    assert found.kept == [*range(9), 11]
    assert found.photos == [root / names[index] for index in (*range(9), 0)]
    assert found.paths[9:] == [None, None, root / "0.png"]
    assert found.notes == ("1 of 10 photos are missing, 9.png first; their labels are left out",)
    with pytest.raises(FileNotFoundError, match=r"2 of 11 photos that .* are not in .*, 9.png first.*max_missing=0.19"):
        find(root, [*names, "10.png"])
    assert len(find(root, [*names, "10.png"], max_missing=0.19).kept) == 9
    with pytest.raises(FileNotFoundError, match="1 of 10"):
        find(root, names, max_missing=0)
    with pytest.raises(FileNotFoundError, match="2 of 2"):
        find(root, ["x.png", "y.png"], max_missing=1)
    for share in (-0.1, 10):
        with pytest.raises(ValueError, match="from 0 to 1"):
            find(root, names, max_missing=share)
    with pytest.raises(FileNotFoundError, match="no folder"):
        find(tmp_path / "nowhere", names)


def test_other_types_are_taken_on_request_only(tmp_path):
    root = touch(tmp_path / "root", "a.png", "b.tif", "b.json", "b.txt")
    with pytest.raises(FileNotFoundError, match="1 of 2"):
        find(root, ["a.png", "b.jpg"])
    found = find(root, ["a.png", "b.jpg"], other_types=True)
    assert found.paths == [root / "a.png", root / "b.tif"]
    assert "1 photos are of another type" in found.notes[0]
    touch(root, "b.bmp")
    with pytest.raises(ValueError, match=r"b.jpg may be .*b\.\w+ or .*b\.\w+; give"):
        find(root, ["a.png", "b.jpg"], other_types=True)


def test_spelling_that_disks_treat_differently(tmp_path):
    composed, apart = (unicodedata.normalize(form, "fü.png") for form in ("NFC", "NFD"))
    root = touch(tmp_path / "root", "Fish/A.PNG", apart)
    found = find(root, ["fish/a.png", composed])
    assert found.paths == [root / "Fish/A.PNG", root / apart]
    assert "2 photos are spelt otherwise" in found.notes[0]
    touch(root, "Fish/a.png")
    if len(os.listdir(root / "Fish")) == 2:  # the disk tells them apart
        assert find(root, ["fish/a.png", composed]).paths[0] == root / "Fish/a.png"
        with pytest.raises(ValueError, match="may be"):
            find(root, ["Fish/A.png", composed])


def test_references(tmp_path):
    root = touch(tmp_path / "root", "film.mp4", "stack.tif", "fish#1.png", "odd#stored")
    names = ["film.mp4#frame=3", "film.mp4#frame=4", "stack.tif#page=0", "fish#1.png", "odd#stored"]
    expected = [f"{root}/film.mp4#frame=3", f"{root}/film.mp4#frame=4", f"{root}/stack.tif#page=0"]
    assert find(root, names).paths == [*expected, root / "fish#1.png", root / "odd#stored"]


def test_names_do_not_lead_out_of_the_folder(tmp_path):
    root = touch(tmp_path / "root", "images/img0.png", "labels/c.png")
    touch(tmp_path, "secret.png", "img0.png")
    labels = root / "labels" / "a.json"
    assert find(root / "images", ["../images/img0.png"], labels).paths == [root / "images/img0.png"]
    assert find(root, ["../images/img0.png"], labels).paths == [root / "images/img0.png"]
    assert find(root / "images", ["../labels/c.png"], labels).paths == [root / "labels/c.png"], "beside the labels"
    assert find(root / "images", [str(root / "labels/c.png")], labels).paths == [root / "labels/c.png"]
    for name in ("../../secret.png", "../../img0.png"):
        with pytest.raises(ValueError, match=r"leads out of .*images"):
            find(root / "images", [name], labels)
    with pytest.raises(FileNotFoundError):
        find(root / "images", [str(tmp_path / "secret.png")], labels)
    assert find_photo(root / "images", "../img0.png") is None
    for name in ("", "..", "/", "a/.."):
        with pytest.raises(ValueError, match="no file"):
            find(root, [name])


def test_links_are_followed(tmp_path):
    real = touch(tmp_path / "disk", "a.png")
    root = touch(tmp_path / "root", "b.png")
    (root / "a.png").symlink_to(real / "a.png")
    (root / "more").symlink_to(real)
    assert find(root, ["a.png", "more/a.png"]).paths == [root / "a.png", root / "more/a.png"]


# -- sizes -------------------------------------------------------------------------------------------------------------


def photo(path, width, height, orientation=1):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (width, height)).save(path, exif=exif.tobytes())
    return path


def test_sizes_that_agree(tmp_path):
    photos = [photo(tmp_path / "a.png", 64, 48), photo(tmp_path / "b.jpg", 30, 20), tmp_path / "missing.png"]
    for sizes in ([(64, 48), (30, 20), (5, 5)], [(64, 48), (np.nan, 20), (1, 1)], [(0, 0)] * 3, None):
        fitted = check_sizes(photos, sizes, "labels.json")
        assert fitted.photos == photos
        assert fitted.scales is None
        assert fitted.notes == ()
    with pytest.raises(ValueError, match=r"sizes must be \(3, 2\)"):
        check_sizes(photos, [(1, 2)], "labels.json")


def test_another_resolution_is_refused_or_rescaled(tmp_path):
    """Labels of reduced photos fell on the wrong places of the originals."""
    photos = [photo(tmp_path / "a.png", 128, 96), photo(tmp_path / "b.png", 64, 48)]
    sizes = [(64, 48), (64, 48)]
    message = r"labels.json: labels belong to another resolution \(64 x 48\) than the photos \(128 x 96\).*rescale=True"
    with pytest.raises(ValueError, match=message):
        check_sizes(photos, sizes, "labels.json")
    fitted = check_sizes(photos, sizes, "labels.json", rescale=True)
    np.testing.assert_array_equal(fitted.scales, [[2, 2], [1, 1]])
    assert "labels of 1 subjects are rescaled" in fitted.notes[0]
    with pytest.raises(ValueError, match="its shape differs"):
        check_sizes(photos, [(64, 40), (64, 48)], "labels.json", rescale=True)
    with pytest.raises(ValueError, match="width and height are exchanged"):
        check_sizes(photos, [(96, 128), (64, 48)], "labels.json", rescale=True)


def test_edges_of_photos_are_mapped_to_each_other():
    corners = np.array([[[-0.5, -0.5, 1], [63.5, 47.5, 1]]])
    np.testing.assert_allclose(rescale_points(corners, [[2, 1.5]]), [[[-0.5, -0.5, 1], [127.5, 71.5, 1]]])


def test_a_size_tells_whether_the_tool_turned_the_photo(tmp_path):
    lying, upside = photo(tmp_path / "a.jpg", 64, 48, 6), photo(tmp_path / "b.jpg", 64, 48, 3)
    plain = photo(tmp_path / "c.jpg", 64, 48)
    assert photo_size(lying) == (48, 64)
    turned = check_sizes([lying, upside, plain], [(48, 64), (64, 48), (64, 48)], "labels.json")
    assert turned.photos == [lying, upside, plain]
    stored = check_sizes([lying, upside, plain], [(64, 48)] * 3, "labels.json")
    assert stored.photos == [f"{lying}#stored", f"{upside}#stored", plain]
    assert "2 photos are read as they are stored" in stored.notes[0]
    assert photo_size(stored.photos[0]) == (64, 48)
    alone = check_sizes([upside], [(64, 48)], "labels.json")
    assert alone.photos == [upside], "nothing tells"
    known = check_sizes([lying, upside, plain], None, "labels.json", stored=True)
    assert known.photos == stored.photos
    again = check_sizes(stored.photos, [(64, 48)] * 3, "labels.json", stored=True)
    assert again.photos == stored.photos
