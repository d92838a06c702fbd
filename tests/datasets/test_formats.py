"""Loaders and writers of published formats."""

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
)
from posemachines.skeleton import COCO, FLIC, LSP, MPII

from .formats import as_flic_parts, as_mpii_parts, same


@pytest.mark.parametrize("layout", ["mpii matlab", "mpii plain", "mpii cpm"])
def test_mpii(saved, layout):
    root, people, files = saved
    found = load_mpii(files[layout], root / "images")
    assert len(found) == 40
    assert found.skeleton is MPII
    assert found.side_convention == "person"
    same(found.joints, as_mpii_parts(people.joints))
    np.testing.assert_allclose(found.centre, people.centre, atol=2e-3)
    np.testing.assert_allclose(found.person_size, people.person_size, rtol=1e-5)
    assert found.crop_rule == "cpm"
    assert 1 / found.padding == pytest.approx(200 * 41 / 35 / 368)
    assert [photo.name for photo in found.photos] == [photo.name for photo in people.photos]
    knee = MPII.index("left knee")
    hidden = np.zeros((40, 16), bool)
    if layout != "mpii plain":
        hidden[:, knee] = found.joints[:, knee, 2] > 0
    np.testing.assert_array_equal(found.occluded, hidden)
    if layout == "mpii matlab":
        np.testing.assert_allclose(found.reference_length, 0.6 * 5)
    else:
        assert found.reference_length is None


def test_frames_of_mpii(saved):
    root, people, files = saved
    plain = load_mpii(files["mpii plain"], root / "images")
    hourglass = load_mpii(files["mpii plain"], root / "images", crop_rule="hourglass")
    assert hourglass.padding == 1.25
    np.testing.assert_allclose(hourglass.centre[:, 0], plain.centre[:, 0])
    np.testing.assert_allclose(hourglass.centre[:, 1], plain.centre[:, 1] + 15 * plain.person_size / 200, rtol=1e-5)
    joints = load_mpii(files["mpii plain"], root / "images", crop_rule="joints")
    assert joints.crop_rule == "joints"
    np.testing.assert_allclose(joints.person_size, people.person_size, atol=2e-3)


def test_split_of_mpii(saved):
    root, _, files = saved
    assert len(load_mpii(files["mpii cpm"], root / "images", split="train")) == 32
    assert len(load_mpii(files["mpii cpm"], root / "images", split="validation")) == 8
    with pytest.raises(ValueError, match=r"does not say who is for validation; .*split"):
        load_mpii(files["mpii plain"], root / "images", split="train")


def test_flic(saved):
    root, people, _ = saved
    as_in_file = load_flic(root, side_convention="person")
    same(as_in_file.joints, as_flic_parts(people.joints))
    np.testing.assert_allclose(as_in_file.person_size, 2.2 * people.person_size / 2, rtol=1e-5)
    np.testing.assert_allclose(as_in_file.centre[:, 0], people.centre[:, 0], atol=2e-3)
    top = people.centre[:, 1] - people.person_size / 4
    np.testing.assert_allclose(as_in_file.centre[:, 1], top + 0.3 * people.person_size / 2, atol=2e-3)
    assert (as_in_file.crop_rule, as_in_file.side_convention) == ("cpm", "person")
    facing = load_flic(root)
    assert facing.side_convention == "observer"
    right, left = (facing.joints[:, FLIC.index(f"{side} shoulder")] for side in ("right", "left"))
    both = (right[:, 2] > 0) & (left[:, 2] > 0)
    assert (right[both, 0] <= left[both, 0]).all()
    turned = (facing.joints != as_in_file.joints).any((1, 2))
    assert 5 < turned.sum() < 35, "figures turn their back as often as not"
    np.testing.assert_array_equal(facing.joints[turned], as_in_file.joints[turned][:, list(FLIC.flip_order)])
    assert len(load_flic(root, split="train")) == 32
    assert len(load_flic(root, split="test", crop_rule="joints")) == 8


def test_coco(saved):
    root, people, files = saved
    found = load_coco(files["coco"], root / "images")
    same(found.joints, people.joints)
    assert found.skeleton.parts == LSP.parts
    assert found.skeleton.limbs == LSP.limbs
    assert {frozenset(pair) for pair in found.skeleton.pairs} == {frozenset(pair) for pair in LSP.pairs}
    assert found.skeleton.reference == LSP.reference
    assert (found.crop_rule, found.padding) == ("box", 1.25)
    np.testing.assert_allclose(found.centre, people.centre, atol=0.01)
    assert not found.occluded.any()
    assert list(found.photo_ids) == list(range(1, 41))
    assert load_coco(files["coco"], root / "images", crop_rule="photo").crop_rule == "photo"


def coco_content(**changes):
    """Two photos of dogs with a crowd, an annotation without keypoints, and people of another category."""
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
    with pytest.raises(ValueError, match=r"one of those with keypoints .*: 'dog' \(4\), 'person' \(1\)"):
        load_coco(file, root / "images")
    with pytest.raises(ValueError, match="got 'cat'"):
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
        ({"keypoints": [1, 2, 2]}, "annotation 1: a pose of 3 numbers is not 3 joints of 3 columns"),
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
    with pytest.raises(ValueError, match="crop_rule must be one of"):
        load(files[name], root / "images", crop_rule="golden")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not readable JSON"), ("{}", "not a list of subjects"), ('[{"a": 1}]', "have the fields a; expected are")],
)
def test_damaged_json_of_mpii(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_mpii(tmp_path / "a.json", tmp_path)


def test_damaged_matlab_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no examples\.mat"):
        load_flic(tmp_path)
    (tmp_path / "examples.mat").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not a readable MATLAB file with the variable 'examples'"):
        load_flic(tmp_path)
    with pytest.raises(ValueError, match="the variable 'RELEASE'"):
        load_mpii(tmp_path / "examples.mat", tmp_path)
    scipy.io.savemat(tmp_path / "examples.mat", {"examples": {"coords": 1}})
    with pytest.raises(ValueError, match="lack filepath, torsobox, istrain, istest"):
        load_flic(tmp_path)
    with pytest.raises(ValueError, match="split must be one of train, test"):
        load_flic(tmp_path, split="validation")
