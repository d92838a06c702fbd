"""Data sets whose format is recognised by what their files contain."""

import json

import cv2
import numpy as np
import pytest
import scipy.io

import posemachines.datasets
from posemachines.datasets import load_dataset, load_people


@pytest.mark.parametrize(
    ("layout", "name", "rule"),
    [
        ("mpii matlab", "mpii", "cpm"),
        ("mpii plain", "mpii", "cpm"),
        ("mpii cpm", "mpii", "cpm"),
        ("flic", "flic", "cpm"),
        ("coco", "coco", "box"),
        ("csv", "CollectedData", "joints"),
    ],
)
def test_files_are_recognised(saved, layout, name, rule):
    root, people, files = saved
    found = load_dataset(files[layout])  # the photos are in images/ next to the labels
    assert (len(found), found.name, found.crop_rule) == (len(people), name, rule)
    assert len(load_dataset(files[layout], root / "images", crop_rule="joints")) == len(people)


def test_a_folder_is_recognised(saved):
    root, people, _ = saved
    assert load_dataset(root).name == "flic"
    assert len(load_dataset(root, split="test")) == len(people) // 5


@pytest.mark.parametrize(("name", "axes", "digits"), [("lspet", (1, 2, 0), 5), ("lsp", (2, 1, 0), 4)])
def test_sports_people_are_recognised(tmp_path, rng, name, axes, digits):
    (tmp_path / "images").mkdir()
    for number in range(1, 4):
        cv2.imwrite(str(tmp_path / "images" / f"im{number:0{digits}d}.jpg"), np.zeros((50, 40, 3), np.uint8))
    joints = np.concatenate([rng.uniform(1, 40, (3, 14, 2)), np.ones((3, 14, 1))], -1)
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": joints.transpose(axes)})
    for path in (tmp_path, tmp_path / "joints.mat"):
        assert load_dataset(path).name == name
    assert load_dataset(tmp_path, crop_rule="cpm").crop_rule == "cpm"


def test_options_belong_to_formats(saved):
    root, _, files = saved
    assert len(load_dataset(files["mpii cpm"], split="validation")) == 8
    dlc = load_dataset(files["csv"], root / "images", format="deeplabcut", limbs=[("neck", "head top")], pairs=())
    assert (dlc.skeleton.limbs, dlc.skeleton.pairs) == (((12, 13),), ())
    with pytest.raises(ValueError, match=r"'coco' has no option split; it has crop_rule, category \(read as COCO"):
        load_dataset(files["coco"], split="train")
    with pytest.raises(ValueError, match=r"format must be one of auto, lspet, .*; got 'voc'"):
        load_dataset(files["coco"], format="voc")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", {"a": 1}, "none of the known formats .*COCO keypoints, DeepLabCut, .*: it is an object with a"),
        ("a.json", [{"image_id": 1, "keypoints": [], "score": 1}], "COCO's results"),
        ("a.json", [{"a": 1}], "it is a list with a"),
        ("a.json", 3, "it is a int"),
        ("a.csv", "colour,weight\n", "it begins with 'colour,weight'"),
        ("a.mat", {"joints": np.zeros((3, 4))}, r"it has joints \(3, 4\); known are RELEASE"),
        ("a.mat", "nothing", "not a readable MATLAB file"),
        ("a.txt", "nothing", r"none of the known formats .* it begins with 'nothing'"),
        ("a.bin", "", "it is empty"),
        (
            "a.json",
            {"images": [], "annotations": [], "categories": []},
            r"has no annotations.*\(read as COCO: it has images",
        ),
    ],
)
def test_what_was_seen_is_named(tmp_path, name, content, message):
    file = tmp_path / name
    if name == "a.mat" and isinstance(content, dict):
        scipy.io.savemat(file, content)
    else:
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ValueError, match=message):
        load_dataset(file)


def test_limbs_pairs_and_spacing_hold_for_every_format(saved):
    _, _, files = saved
    for layout in ("mpii cpm", "flic", "coco", "csv"):
        pairs = [("right elbow", "left elbow")]
        found = load_dataset(files[layout], pairs=pairs, limbs=[("left elbow", "left wrist")], mm_per_pixel=0.5)
        parts = found.skeleton.parts
        assert found.skeleton.pairs == ((parts.index("right elbow"), parts.index("left elbow")),)
        assert found.skeleton.limbs == ((parts.index("left elbow"), parts.index("left wrist")),)
        assert (found.mm_per_pixel == 0.5).all()


def test_a_few_missing_photos_are_left_out(saved, tmp_path):
    _, people, files = saved
    (tmp_path / "images").mkdir()
    for photo in people.photos[2:]:
        (tmp_path / "images" / photo.name).symlink_to(photo)
    for layout in ("coco", "csv", "mpii plain"):
        found = load_dataset(files[layout], tmp_path / "images")
        assert len(found) == len(people) - 2
        assert any("2 of 40 photos are missing, figure00.png first" in note for note in found.notes)
        with pytest.raises(FileNotFoundError, match="2 of 40 photos"):
            load_dataset(files[layout], tmp_path / "images", max_missing=0.01)


def test_unknown_folders_and_missing_files(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ValueError, match=r"it holds notes\.txt"):
        load_dataset(tmp_path)
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        load_dataset(tmp_path / "none.json")


def test_old_name_of_the_loader(saved):
    root, _, files = saved
    with pytest.warns(DeprecationWarning, match="load_dataset"):
        found = load_people("coco", annotations=files["coco"], images=root / "images", frame="joints")
    assert found.crop_rule == "joints"
    for arguments, message in (({"name": "voc"}, "got 'voc'"), ({"name": "lsp"}, "needs root")):
        with pytest.warns(DeprecationWarning, match="load_dataset"), pytest.raises(ValueError, match=message):
            load_people(**arguments)


@pytest.mark.parametrize("name", ["validate", "Finding", "Validation"])
def test_names_that_moved(name):
    with pytest.warns(DeprecationWarning, match=r"posemachines\.labels"):
        assert getattr(posemachines.datasets, name).__module__.startswith("posemachines.labels")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        posemachines.datasets.nothing  # noqa: B018
