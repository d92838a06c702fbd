import csv
import json
import sys

import numpy as np
import pytest
import scipy.io

from posemachines.evaluation.ground_truth import GroundTruth
from posemachines.evaluation.protocols import COCO, FLIC, LSP_PC, MPII
from posemachines.io.pose_arrays import arrange
from posemachines.io.predictions import PoseFile, aligned, read_predictions, read_truth
from posemachines.metrics import Detections, LabelledPeople

POSES = np.random.default_rng(0).uniform(1, 100, (20, 14, 2))
SCORED = np.dstack([POSES, np.random.default_rng(1).random((20, 14))])
ORDERS = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]


def same(read, expected=POSES):
    np.testing.assert_allclose(read.joints, expected)


# -- arrays ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("poses", [POSES, SCORED], ids=["xy", "xy and score"])
@pytest.mark.parametrize("ending", ["mat", "npz", "npy", "h5", "json"])
def test_any_order_of_axes(tmp_path, order, poses, ending):
    path, array = tmp_path / f"p.{ending}", poses.transpose(order)
    if ending == "mat":
        scipy.io.savemat(path, {"whatever": array, "thresholds": np.arange(5)})
    elif ending == "npz":
        np.savez(path, whatever=array, names=np.array(["a", "b"]))
    elif ending == "npy":
        np.save(path, array)
    elif ending == "json":
        path.write_text(json.dumps({"whatever": array.tolist(), "by": "me"}))
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            file["group/whatever"] = array
    same(read_predictions(path, "lsp-pc"))


def test_hdf5_in_a_mat_file_with_cells(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "v73.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        cells = file.create_dataset("pred", (20, 1), h5py.ref_dtype)
        for person, pose in enumerate(POSES):
            file[f"#refs#/{person}"] = pose.T
            cells[person, 0] = file[f"#refs#/{person}"].ref
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    same(read_predictions(path, "lsp-pc"))


def test_structs_and_cells_of_matlab(tmp_path):
    cells = np.empty((1, 20), object)
    for person, pose in enumerate(POSES):
        cells[0, person] = pose
    scipy.io.savemat(tmp_path / "cells.mat", {"pred": cells})
    same(read_predictions(tmp_path / "cells.mat", "lsp-pc"))
    scipy.io.savemat(tmp_path / "one.mat", {"result": {"pred": POSES, "info": "x"}})
    same(read_predictions(tmp_path / "one.mat", "lsp-pc"))
    structs = np.zeros((1, 20), [("point", object), ("name", object)])
    for person, pose in enumerate(POSES):
        structs[0, person] = (pose.T, f"im{person}")
    scipy.io.savemat(tmp_path / "many.mat", {"people": structs})
    same(read_predictions(tmp_path / "many.mat", "lsp-pc", variable="people.point"))


def test_whole_numbers_of_bytes_do_not_overflow(tmp_path):
    scipy.io.savemat(tmp_path / "p.mat", {"prediction_all": np.full((14, 2, 5), 250, np.uint8)})
    assert (read_predictions(tmp_path / "p.mat", "lsp-pc").joints - 300 == -50).all()


def test_the_variable_is_chosen_by_name_or_by_the_user(tmp_path):
    np.savez(tmp_path / "two.npz", joints=POSES + 1, preds=POSES)
    read = read_predictions(tmp_path / "two.npz", "lsp-pc")
    same(read)
    assert read.notes == ("predictions: preds (20, 14, 2) of two.npz",)
    same(read_truth(tmp_path / "two.npz", "lsp-pc"), POSES + 1)
    same(read_predictions(tmp_path / "two.npz", "lsp-pc", variable="joints"), POSES + 1)
    np.savez(tmp_path / "open.npz", stage1=POSES, stage2=POSES)
    with pytest.raises(ValueError, match=r"several poses: stage1, stage2; choose with variable= \(--variable\)"):
        read_predictions(tmp_path / "open.npz", "lsp-pc")
    with pytest.raises(ValueError, match=r"no variable 'x'; it has stage1 \(20, 14, 2\), stage2"):
        read_predictions(tmp_path / "open.npz", "lsp-pc", variable="x")
    np.savez(tmp_path / "other.npz", preds=POSES[:, :12])
    with pytest.raises(ValueError, match=r"no array of people x 14 parts x \(2 or 3\).*preds \(20, 12, 2\)"):
        read_predictions(tmp_path / "other.npz", "lsp-pc")


def test_ambiguous_shapes_are_refused():
    array = np.arange(14 * 14 * 2.0).reshape(14, 2, 14)
    with pytest.raises(ValueError, match=r"several ways; .* parts,xy,people or people,xy,parts|several ways"):
        arrange(array, sizes=[14])
    np.testing.assert_array_equal(arrange(array, sizes=[14], axes="people,xy,parts"), array.transpose(0, 2, 1))
    np.testing.assert_array_equal(arrange(array, sizes=[14], axes="parts, xy, people"), array.transpose(2, 0, 1))
    three = np.zeros((2, 14, 3))  # two people with scores, or three without
    with pytest.raises(ValueError, match="several ways"):
        arrange(three, sizes=[14])
    assert arrange(three, sizes=[14], n_people=[2]).shape == (2, 14, 3)
    assert arrange(three, sizes=[14], n_people=[3]).shape == (3, 14, 2)
    assert arrange(np.zeros((1, 20, 14, 2)), sizes=[14]).shape == (20, 14, 2)


def test_rows_of_numbers_need_axes(tmp_path):
    np.save(tmp_path / "rows.npy", POSES.reshape(20, 28))
    with pytest.raises(ValueError, match="people,parts\\*xy"):
        read_predictions(tmp_path / "rows.npy", "lsp-pc")
    same(read_predictions(tmp_path / "rows.npy", "lsp-pc", axes="people,parts*xy"))
    np.save(tmp_path / "rows.npy", POSES.transpose(2, 1, 0).reshape(28, 20))
    same(read_predictions(tmp_path / "rows.npy", "lsp-pc", axes="xy*parts,people"))
    for axes, message in (("people,xy", "once each"), ("xy,parts,people", "names 3"), ("people*parts,xy", "is not")):
        with pytest.raises(ValueError, match=message):
            read_predictions(tmp_path / "rows.npy", "lsp-pc", axes=axes)


def test_truth_of_mpii_with_heads(tmp_path):
    joints = np.random.default_rng(2).uniform(1, 9, (20, 16, 2))
    np.savez(tmp_path / "a.npz", part=joints, normalize=np.arange(20.0), labelled=np.zeros((20, 16)))
    truth = read_truth(tmp_path / "a.npz", "mpii")
    np.testing.assert_array_equal(truth.reference_length, np.arange(20))
    assert truth.labelled is None
    missing = np.zeros((16, 20))
    missing[3, 7] = 1
    heads = np.zeros((2, 2, 20))
    heads[1] = [[30], [40]]
    content = {"pos_gt_src": joints.transpose(1, 2, 0), "jnt_missing": missing, "headboxes_src": heads}
    scipy.io.savemat(tmp_path / "gt.mat", content)
    truth = read_truth(tmp_path / "gt.mat", "mpii")
    same(truth, joints)
    np.testing.assert_allclose(truth.reference_length, 30)
    assert np.argwhere(~truth.labelled).tolist() == [[7, 3]]


# -- tables ---------------------------------------------------------------------------------------------------------


def write_rows(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


@pytest.mark.parametrize("name", ["{}_x", "{}.X", "{} x"])
def test_plain_table_in_another_order(tmp_path, name):
    order = np.random.default_rng(3).permutation(14)
    heads = [name.format(LSP_PC.parts[part].title())[:-1] + axis for part in order for axis in ("x", "y", "score")]
    rows = [["image", *heads]]
    rows += [[f"im{person}", *pose[order].ravel()] for person, pose in enumerate(SCORED)]
    write_rows(tmp_path / "p.csv", rows)
    read = read_predictions(tmp_path / "p.csv", "lsp-pc")
    same(read)
    assert read.people[:2] == ("im0", "im1")
    assert read_truth(tmp_path / "p.csv", "lsp-pc").labelled.all()


def test_deeplabcut(tmp_path):
    parts = [part.replace("right ", "R_").replace("left ", "L_") for part in LSP_PC.parts]
    rows = [["scorer", *["me"] * 42], ["bodyparts", *np.repeat(parts, 3)], ["coords", *["x", "y", "likelihood"] * 14]]
    rows += [[f"img{person}.png", *pose.ravel()] for person, pose in enumerate(SCORED)]
    rows[4][1:3] = ["", ""]
    write_rows(tmp_path / "dlc.csv", rows)
    read = read_predictions(tmp_path / "dlc.csv", "lsp-pc")
    assert np.isnan(read.joints[1, 0]).all()
    same(read, np.where(np.isnan(read.joints), np.nan, POSES))
    assert read.people[0] == "img0.png"
    assert not read_truth(tmp_path / "dlc.csv", "lsp-pc").labelled[1, 0]
    animals = ["individuals", *["a"] * 21, *["b"] * 21]
    write_rows(tmp_path / "many.csv", [rows[0], animals, *rows[1:]])
    with pytest.raises(ValueError, match="several individuals"):
        read_predictions(tmp_path / "many.csv", "lsp-pc")


def test_table_errors(tmp_path):
    path = tmp_path / "p.csv"
    for rows, message in [
        ([], "is empty"),
        ([["a", "b"], [1, 2]], "no columns <part>_x"),
        ([["knee_x", "knee_y"], [1, 2]], "lacks the parts .*right ankle"),
        ([["scorer", "x"], ["parts", "y"], ["a", "b"]], "DeepLabCut's rows"),
        ([[f"{i}_{axis}" for i in range(14) for axis in "xy"], ["one"] * 28], "subject 1, column 1 is not a number"),
        ([[f"{i}_{axis}" for i in range(13) for axis in "xy"], [1] * 26], "there are 13 joints"),
    ]:
        write_rows(path, rows)
        with pytest.raises(ValueError, match=message):
            read_predictions(path, "lsp-pc")
    write_rows(path, [[f"{i}_{axis}" for i in range(14) for axis in "xy"], *POSES.reshape(20, 28)])
    same(read_predictions(path, "lsp-pc"))


# -- JSON -----------------------------------------------------------------------------------------------------------


def coco_content(poses=None, parts=COCO.parts):
    poses = np.random.default_rng(4).uniform(1, 100, (6, len(parts), 2)) if poses is None else poses
    joints = np.dstack([poses, np.full(poses.shape[:2], 2)])
    joints[0, 0] = 0
    annotations = [
        {
            "id": n + 1, "image_id": 5 + n // 2, "category_id": 1, "keypoints": pose.ravel().tolist(),
            "area": 900.0, "bbox": [0, 0, 100, 100], "iscrowd": int(n == 5),
        }
        for n, pose in enumerate(joints)
    ]  # fmt: skip
    categories = [{"id": 1, "name": "person", "keypoints": [part.replace(" ", "_") for part in parts]}]
    return {"images": [{"id": 4 + n} for n in range(4)], "annotations": annotations, "categories": categories}


def test_coco(tmp_path):
    content = coco_content()
    (tmp_path / "truth.json").write_text(json.dumps(content))
    truth = read_truth(tmp_path / "truth.json", "coco")
    assert isinstance(truth, LabelledPeople)
    assert truth.joints.shape == (6, 17, 3)
    assert (truth.image.tolist(), truth.images.tolist()) == ([5, 5, 6, 6, 7, 7], [4, 5, 6, 7])
    assert truth.crowd.tolist() == [False] * 5 + [True]
    results = [
        {k: a[k] for k in ("image_id", "category_id", "keypoints")} | {"score": 0.5} for a in content["annotations"]
    ]
    (tmp_path / "r.json").write_text(json.dumps(results))
    found = read_predictions(tmp_path / "r.json", "coco")
    assert isinstance(found, Detections)
    np.testing.assert_array_equal(found.joints, truth.joints[..., :2])
    (tmp_path / "r.json").write_text(json.dumps([dict(entry, bbox=[0, 0, 10, 20]) for entry in results]))
    assert (read_predictions(tmp_path / "r.json", "coco").areas == 200).all()
    (tmp_path / "r.json").write_text("[]")
    assert read_predictions(tmp_path / "r.json", "coco").joints.shape == (0, 17, 2)


def test_coco_of_one_subject_per_image(tmp_path):
    order = np.random.default_rng(5).permutation(14)
    content = coco_content(POSES[:6][:, order], [LSP_PC.parts[part] for part in order])
    for number, annotation in enumerate(content["annotations"]):
        annotation["image_id"] = 10 - number
    (tmp_path / "t.json").write_text(json.dumps(content))
    truth = read_truth(tmp_path / "t.json", "lsp-pc")
    assert truth.people == ("5", "6", "7", "8", "9", "10")
    np.testing.assert_allclose(truth.joints[:5, :, :2], POSES[5:0:-1])
    assert truth.labelled.sum() == 6 * 14 - 1
    results = [
        {"image_id": image, "keypoints": (pose + image).ravel().tolist(), "score": score}
        for image in (3, 1, 2)
        for score, pose in zip((0.2, 0.9), (POSES[0], POSES[image]), strict=True)
    ]
    (tmp_path / "r.json").write_text(json.dumps(results))
    read = read_predictions(tmp_path / "r.json", "lsp-pc")
    same(read, np.stack([POSES[image] + image for image in (1, 2, 3)]))
    assert read.notes == ("6 predictions on 3 images: the highest score of each image is taken",)


def test_list_of_mpii(tmp_path):
    entries = [
        {"image": f"{n}.jpg", "joints": np.ones((16, 2)).tolist(), "joints_vis": [0] + [1] * 15} for n in range(3)
    ]
    (tmp_path / "m.json").write_text(json.dumps(entries))
    truth = read_truth(tmp_path / "m.json", "mpii")
    assert truth.labelled.sum() == 45
    assert truth.reference_length is None
    assert truth.people == ("0.jpg", "1.jpg", "2.jpg")


@pytest.mark.parametrize(
    ("content", "protocol", "message"),
    [
        ("{", "lsp-pc", "not readable JSON"),
        ("3", "lsp-pc", "neither a list nor an object"),
        ('[{"a": 1}]', "lsp-pc", "none of the fields"),
        ('[{"keypoints": [1, 2, 3]}]', "lsp-pc", "a pose of 3 numbers is not 14 joints"),
        ('[{"keypoints": [1, 2, 3]}]', "coco", "lacks image_id, score"),
        ('{"a": "b"}', "lsp-pc", "no array of people x 14"),
    ],
)
def test_json_errors(tmp_path, content, protocol, message):
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_predictions(tmp_path / "p.json", protocol)


# -- files and names ------------------------------------------------------------------------------------------------


def test_files(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no file"):
        read_predictions(tmp_path / "p.mat", "lsp-pc")
    for name, message in (
        ("p.txt", "must end in"),
        ("p.mat", "not a readable MATLAB"),
        ("p.h5", "not a readable HDF5"),
    ):
        (tmp_path / name).write_bytes(b"nothing of use" * 20)
        if name.endswith("h5"):
            pytest.importorskip("h5py")
        with pytest.raises(ValueError, match=message):
            read_predictions(tmp_path / name, "lsp-pc")
    with pytest.raises(ValueError, match="reads COCO's JSON"):
        read_truth(tmp_path / "p.mat", "coco")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"posemachines\[evaluate\]"):
        read_predictions(tmp_path / "p.h5", "lsp-pc")


def test_people_are_matched_by_name():
    truth = GroundTruth(POSES[:3], people=("a.jpg", "b.jpg", "c.jpg"))
    read = aligned(PoseFile(POSES[[2, 0, 3, 1]], ("x/c.png", "x/a.png", "x/d.png", "x/b.png")), truth)
    same(read, POSES[:3])
    assert read.notes == ("subjects matched by name",)
    plain = PoseFile(POSES[:3])
    assert aligned(plain, truth) is plain
    others = PoseFile(POSES[:3], ("1", "2", "3"))
    assert aligned(others, truth) is others
    with pytest.raises(ValueError, match="2 of 3 subjects of the ground truth have no prediction, such as b"):
        aligned(PoseFile(POSES[:1], ("a",)), truth)


def test_flic_of_ten_and_eleven(tmp_path):
    for number in (10, 11):
        np.savez(tmp_path / "f.npz", pred=np.ones((number, 2, 30)))
        assert read_predictions(tmp_path / "f.npz", FLIC).joints.shape == (30, number, 2)
    np.savez(tmp_path / "m.npz", preds=np.ones((30, 16, 3)), boxes=np.ones((30, 6)))
    assert read_predictions(tmp_path / "m.npz", MPII).joints.shape == (30, 16, 2)
