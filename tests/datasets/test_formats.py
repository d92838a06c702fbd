"""Loaders and writers of published formats."""

import csv
import json

import numpy as np
import pytest
import scipy.io

from posemachines import PoseDataset, Skeleton
from posemachines.__main__ import main
from posemachines.datasets import (
    load_coco,
    load_deeplabcut,
    load_flic,
    load_mpii,
    write_coco,
    write_coco_results,
    write_deeplabcut,
)
from posemachines.skeleton import COCO, FLIC, LSP, MPII

from .formats import as_flic_parts, as_mpii_parts, save_everything


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    root = tmp_path_factory.mktemp("formats")
    return root, *save_everything(root)


def same(found, wanted, atol=2e-3):
    """Equal joints where they are labelled, and the same ones labelled."""
    np.testing.assert_array_equal(found[..., 2] > 0, wanted[..., 2] > 0)
    seen = wanted[..., 2] > 0
    np.testing.assert_allclose(found[..., :2][seen], wanted[..., :2][seen], atol=atol)


@pytest.mark.parametrize("layout", ["mpii matlab", "mpii plain", "mpii cpm"])
def test_mpii(saved, layout):
    root, people, files = saved
    found = load_mpii(files[layout], root / "images")
    assert len(found) == 40
    assert found.skeleton is MPII
    assert found.view == "person"
    same(found.joints, as_mpii_parts(people.joints))
    np.testing.assert_allclose(found.centre, people.centre, atol=2e-3)
    np.testing.assert_allclose(found.scale, people.scale, rtol=1e-5)
    assert (found.rule, found.frame) == ("given", "cpm")
    assert found.fill == pytest.approx(200 * 41 / 35 / 368)
    assert [photo.name for photo in found.photos] == [photo.name for photo in people.photos]
    knee = MPII.index("left knee")
    hidden = np.zeros((40, 16), bool)
    if layout != "mpii plain":
        hidden[:, knee] = found.joints[:, knee, 2] > 0
    np.testing.assert_array_equal(found.occluded, hidden)
    if layout == "mpii matlab":
        np.testing.assert_allclose(found.reference, 0.6 * 5)
    else:
        assert found.reference is None


def test_frames_of_mpii(saved):
    root, people, files = saved
    plain = load_mpii(files["mpii plain"], root / "images")
    hourglass = load_mpii(files["mpii plain"], root / "images", frame="hourglass")
    assert hourglass.fill == 0.8
    np.testing.assert_allclose(hourglass.centre[:, 0], plain.centre[:, 0])
    np.testing.assert_allclose(hourglass.centre[:, 1], plain.centre[:, 1] + 15 * plain.scale / 200, rtol=1e-5)
    joints = load_mpii(files["mpii plain"], root / "images", frame="joints")
    assert (joints.rule, joints.frame) == ("joints", None)
    np.testing.assert_allclose(joints.scale, people.scale, atol=2e-3)


def test_split_of_mpii(saved):
    root, _, files = saved
    assert len(load_mpii(files["mpii cpm"], root / "images", split="train")) == 32
    assert len(load_mpii(files["mpii cpm"], root / "images", split="validation")) == 8
    with pytest.raises(ValueError, match=r"does not say who is for validation; .*split_photos"):
        load_mpii(files["mpii plain"], root / "images", split="train")


def test_flic(saved):
    root, people, _ = saved
    as_in_file = load_flic(root, side_convention="person")
    same(as_in_file.joints, as_flic_parts(people.joints))
    np.testing.assert_allclose(as_in_file.scale, 2.2 * people.scale / 2, rtol=1e-5)
    np.testing.assert_allclose(as_in_file.centre[:, 0], people.centre[:, 0], atol=2e-3)
    top = people.centre[:, 1] - people.scale / 4
    np.testing.assert_allclose(as_in_file.centre[:, 1], top + 0.3 * people.scale / 2, atol=2e-3)
    assert (as_in_file.rule, as_in_file.frame, as_in_file.view) == ("given", "cpm", "person")
    facing = load_flic(root)
    assert facing.view == "observer"
    right, left = (facing.joints[:, FLIC.index(f"{side} shoulder")] for side in ("right", "left"))
    both = (right[:, 2] > 0) & (left[:, 2] > 0)
    assert (right[both, 0] <= left[both, 0]).all()
    turned = (facing.joints != as_in_file.joints).any((1, 2))
    assert 5 < turned.sum() < 35, "figures turn their back as often as not"
    np.testing.assert_array_equal(facing.joints[turned], as_in_file.joints[turned][:, list(FLIC.flip_order)])
    assert len(load_flic(root, split="train")) == 32
    assert len(load_flic(root, split="test", frame="joints")) == 8


def test_coco(saved):
    root, people, files = saved
    found = load_coco(files["coco"], root / "images")
    same(found.joints, people.joints)
    assert found.skeleton.parts == LSP.parts
    assert found.skeleton.limbs == LSP.limbs
    assert {frozenset(pair) for pair in found.skeleton.pairs} == {frozenset(pair) for pair in LSP.pairs}
    assert found.skeleton.reference == LSP.reference
    assert (found.rule, found.fill) == ("box", 0.8)
    np.testing.assert_allclose(found.centre, people.centre, atol=0.01)
    assert not found.occluded.any()
    assert list(found.photo_ids) == list(range(1, 41))
    assert load_coco(files["coco"], root / "images", frame="photo").rule == "photo"


def coco_content(**changes):
    """Two photos of dogs with a crowd, somebody without keypoints, and people of another category."""
    dog = {"id": 7, "name": "dog", "keypoints": ["nose", "ear_left", "ear_right"], "skeleton": [[1, 2], [1, 3]]}
    person = {"id": 1, "name": "person", "keypoints": [part.replace(" ", "_") for part in COCO.parts]}
    entry = {"category_id": 7, "iscrowd": 0, "bbox": [2, 3, 10, 20], "area": 200}
    content = {
        "images": [{"id": 5, "file_name": "figure00.png"}, {"id": 9, "file_name": "figure01.png"}],
        "categories": [dog, person, {"id": 3, "name": "car"}],
        "annotations": [
            {"id": 1, "image_id": 9, "keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0], **entry},
            {"id": 2, "image_id": 9, "keypoints": [5, 6, 2, 7, 8, 2, 9, 10, 1], **entry},
            {"id": 3, "image_id": 5, "keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0], **entry | {"iscrowd": 1}},
            {"id": 4, "image_id": 5, "keypoints": [0] * 9, **entry},
            {"id": 5, "image_id": 5, "keypoints": [1, 1, 2] * 17, **entry | {"category_id": 1}},
        ],
    }
    return content | changes


def test_coco_of_any_category(saved, tmp_path):
    root, _, _ = saved
    file = tmp_path / "dogs.json"
    file.write_text(json.dumps(coco_content()))
    dogs = load_coco(file, root / "images", category="dog")
    assert dogs.skeleton == Skeleton(
        "dog", ("nose", "ear_left", "ear_right"), limbs=((0, 1), (0, 2)), pairs=(("ear_right", "ear_left"),)
    )
    np.testing.assert_array_equal(dogs.joints[0], [[1, 2, 1], [3, 4, 1], [0, 0, 0]])
    np.testing.assert_array_equal(dogs.occluded, [[False, True, False], [False, False, True]])
    assert list(dogs.photo_ids) == [9, 9], "crowds and the unlabelled are left out"
    np.testing.assert_array_equal(dogs.others()[0], dogs.joints[1:2])
    assert load_coco(file, root / "images", category=1).skeleton is COCO
    with pytest.raises(ValueError, match=r"give category=\.\.\., one of those with keypoints: 'dog', 'person'"):
        load_coco(file, root / "images")
    with pytest.raises(ValueError, match="'cat' was asked for"):
        load_coco(file, root / "images", category="cat")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": []}, "image 9 has annotations but is not in its list"),
        ({"annotations": []}, "no annotation of category 'dog'"),
        ({"images": [{"id": 9, "file_name": "none.png"}]}, r"1 of 1 photos .* are not in .*none\.png first"),
    ],
)
def test_damaged_coco(saved, tmp_path, changes, message):
    root, _, _ = saved
    file = tmp_path / "dogs.json"
    file.write_text(json.dumps(coco_content(**changes)))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        load_coco(file, root / "images", category="dog")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bbox": [1, 2, 0, 4]}, "without a size; use frame='joints'"),
        ({"keypoints": [1, 2, 2]}, "has 3 numbers; 3 keypoints of x, y and visibility are expected"),
    ],
)
def test_damaged_annotation_of_coco(saved, tmp_path, change, message):
    root, _, _ = saved
    content = coco_content()
    content["annotations"][0] |= change
    file = tmp_path / "dogs.json"
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        load_coco(file, root / "images", category="dog")


def test_occlusion_survives_writing(saved, tmp_path):
    root, people, _ = saved
    hidden = np.zeros((40, 14), bool)
    hidden[3, 4] = people.joints[3, 4, 2] > 0
    hidden[5] = people.joints[5, :, 2] > 0
    write_coco(tmp_path / "a.json", PoseDataset(people.photos, people.joints, LSP, occluded=hidden))
    np.testing.assert_array_equal(load_coco(tmp_path / "a.json", root / "images").occluded, hidden)
    with pytest.raises(ValueError, match="arrays; annotations need files"):
        write_coco(tmp_path / "b.json", PoseDataset([people.photo(0)], people.joints[:1], LSP))


def test_results_of_coco_are_scored(saved, tmp_path, capsys):
    root, people, _ = saved
    joints = np.zeros((40, COCO.n_parts, 3), np.float32)
    joints[:, :14] = people.joints
    truth = PoseDataset(people.photos, joints, COCO)
    write_coco(tmp_path / "truth.json", truth)
    found = load_coco(tmp_path / "truth.json", root / "images")
    scores = np.full((40, COCO.n_parts), 0.5)
    write_coco_results(tmp_path / "results.json", found.photo_ids, found.joints[..., :2], scores)
    files = ["--predictions", str(tmp_path / "results.json"), "--truth", str(tmp_path / "truth.json")]
    assert main(["evaluate", *files, "--protocol", "coco"]) == 0
    assert "100.0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ids", "joints", "scores", "message"),
    [
        ([1], np.zeros((2, 3, 2)), np.zeros((2, 3)), r"joints must be \(N, P, 2\) for 1 photo_ids"),
        ([1, 2], np.zeros((2, 3, 2)), np.zeros((2, 4)), r"scores must be \(2, 3\)"),
        ([1, 2], np.full((2, 3, 2), np.nan), np.zeros(2), "must be finite"),
    ],
)
def test_bad_results(tmp_path, ids, joints, scores, message):
    with pytest.raises(ValueError, match=message):
        write_coco_results(tmp_path / "r.json", ids, joints, scores)
    assert not list(tmp_path.iterdir())


# -- DeepLabCut ------------------------------------------------------------------------------------------------------


def test_deeplabcut(saved):
    root, people, files = saved
    found = load_deeplabcut(files["csv"], root / "images", limbs=(("neck", "head top"),))
    same(found.joints, people.joints)
    assert found.skeleton.parts == LSP.parts
    assert len(found.skeleton.pairs) == 6
    assert found.skeleton.limbs == ((12, 13),)
    assert found.rule == "joints"
    assert load_deeplabcut(files["csv"], root / "images", pairs=()).skeleton.pairs == ()


def write_rows(path, rows):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    return path


HEAD = [["scorer", "", "", *["me"] * 6], ["bodyparts", "", "", *["snout"] * 3, *["tail"] * 3],
        ["coords", "", "", *["x", "y", "likelihood"] * 2]]  # fmt: skip


def test_deeplabcut_with_three_columns_of_names(saved, tmp_path):
    root, _, _ = saved
    rows = [["labeled-data", "video", "figure00.png", 1.5, 2, 0.9, "", "", ""],
            ["labeled-data", "video", "figure01.png", *[""] * 6],
            ["labeled-data", "video", "figure02.png", 1, 2, 0.9, 3, 4, 0.1]]  # fmt: skip
    found = load_deeplabcut(write_rows(tmp_path / "a.csv", HEAD + rows), root / "images")
    assert list(found.photo_ids) == ["labeled-data/video/figure00.png", "labeled-data/video/figure02.png"]
    np.testing.assert_array_equal(found.joints, [[[1.5, 2, 1], [0, 0, 0]], [[1, 2, 1], [3, 4, 1]]])


def test_deeplabcut_with_several_animals(saved, tmp_path):
    root, _, _ = saved
    heads = [
        ["scorer", *["me"] * 10],
        ["individuals", *["a"] * 4, *["b"] * 4, *["single"] * 2],
        ["bodyparts", *["snout", "snout", "tail", "tail"] * 2, "corner", "corner"],
        ["coords", *["x", "y"] * 5],
    ]
    rows = [["figure00.png", 1, 2, 3, 4, 5, 6, 7, 8, 9, 9], ["figure01.png", *[""] * 4, 5, 6, 7, 8, 9, 9]]
    found = load_deeplabcut(write_rows(tmp_path / "a.csv", heads + rows), root / "images")
    assert found.skeleton.parts == ("snout", "tail")
    assert list(found.photo_ids) == ["figure00.png", "figure00.png", "figure01.png"]
    np.testing.assert_array_equal(found.joints[:, 0, 0], [1, 5, 5])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["image", "x"], ["a", 1]], "begins with 'image', not with DeepLabCut's rows"),
        ([*HEAD, ["a", "b", "c", 1]], "row 4 has 4 columns; its heads have 9"),
        ([*HEAD, ["a", "b", "c", "one", *[1] * 5]], "row 4, column 4 is not a number: 'one'"),
        ([*HEAD, ["a", "b", "c", *[""] * 6]], "no labelled landmark"),
        ([*HEAD[:2], ["coords", *["likelihood"] * 8]], "neither x nor y"),
        (
            [["scorer", "m", "m"], ["bodyparts", "a", "a"], ["coords", "x", "x"], ["p", 1, 2]],
            "columns 2 and 3 are both",
        ),
        ([*HEAD, ["a", "b", "c.png", *[1] * 6]], r"1 of 1 photos .* a/b/c\.png first"),
    ],
)
def test_damaged_deeplabcut(saved, tmp_path, rows, message):
    root, _, _ = saved
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        load_deeplabcut(write_rows(tmp_path / "a.csv", rows), root / "images")


def test_one_person_a_photo_is_written(saved, tmp_path):
    _, people, _ = saved
    with pytest.raises(ValueError, match="one person a photo"):
        write_deeplabcut(tmp_path / "a.csv", people[[0, 0]])


# -- what every loader does ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [load_mpii, load_coco, load_deeplabcut])
def test_missing_files_are_named(saved, load, tmp_path):
    root, _, files = saved
    name = {load_mpii: "mpii plain", load_coco: "coco", load_deeplabcut: "csv"}[load]
    with pytest.raises(FileNotFoundError, match="no file"):
        load(tmp_path / files[name].name, root / "images")
    with pytest.raises(FileNotFoundError, match="no folder"):
        load(files[name], tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"photos that .* names are not in"):
        load(files[name], tmp_path)
    with pytest.raises(ValueError, match="frame must be one of"):
        load(files[name], root / "images", frame="golden")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not readable JSON"), ("{}", "not a list of people"), ('[{"a": 1}]', "has the fields a; expected are")],
)
def test_damaged_json_of_mpii(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_mpii(tmp_path / "a.json", tmp_path)


def test_damaged_matlab_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no examples\.mat"):
        load_flic(tmp_path)
    (tmp_path / "examples.mat").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no variable 'examples'"):
        load_flic(tmp_path)
    with pytest.raises(ValueError, match="no RELEASE"):
        load_mpii(tmp_path / "examples.mat", tmp_path)
    scipy.io.savemat(tmp_path / "examples.mat", {"examples": {"coords": 1}})
    with pytest.raises(ValueError, match="lack filepath, torsobox, istrain, istest"):
        load_flic(tmp_path)
    with pytest.raises(ValueError, match="split must be one of train, test"):
        load_flic(tmp_path, split="validation")
