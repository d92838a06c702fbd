"""Synthetic figures, saved in the published label formats, and a small skeleton."""

import json

import cv2
import numpy as np
import scipy.io

from posemachines import PoseDataset, Skeleton
from posemachines.datasets import make_synthetic, write_coco, write_deeplabcut
from posemachines.skeleton import FLIC, LSP, MPII

N = 40
FORK = Skeleton("fork", ("tip", "left", "right"), pairs=(("right", "left"),))
FLIC_COLUMNS = [0, 1, 2, 3, 4, 5, 6, 9, 16]


def figures_in_files(folder, n=N):
    """Drawn figures whose photos are files in `folder`."""
    people = make_synthetic(n, random_state=3, size=64)
    folder.mkdir(parents=True)
    files = []
    for index in range(n):
        files.append(folder / f"figure{index:02d}.png")
        cv2.imwrite(str(files[-1]), people.photo(index)[..., ::-1])
    return PoseDataset(files, people.joints, LSP, name="figures")


def as_mpii_parts(joints):
    """The 14 joints of LSP as the 16 of MPII: pelvis and thorax are not labelled."""
    found = np.zeros((len(joints), MPII.n_parts, 3), np.float32)
    for index, part in enumerate(LSP.parts):
        name = {"neck": "upper neck"}.get(part, part)
        found[:, MPII.index(name)] = joints[:, index]
    return found


def as_flic_parts(joints):
    """Joints of LSP as the nine of FLIC, the nose being the head top."""
    names = [{"nose": "head top"}.get(part, part) for part in FLIC.parts]
    return joints[:, [LSP.index(name) for name in names]]


def _middle(people):
    return people.centre + 1, people.person_size / 200


def write_mpii_matlab(folder, people):
    """Annotations as published, with test photos that are not labelled, a person without joints, and head boxes."""
    joints, (centre, scale) = as_mpii_parts(people.joints), _middle(people)
    photos, training = [], []
    for index, file in enumerate(people.photos):
        points = [
            {"x": float(x) + 1, "y": float(y) + 1, "id": part, "is_visible": [] if part in (8, 9) else int(part != 4)}
            for part, (x, y, seen) in enumerate(joints[index])
            if seen
        ]
        person = {
            "x1": 10.0, "y1": 20.0, "x2": 13.0, "y2": 24.0, "annopoints": {"point": np.array(points, object)},
            "scale": float(scale[index]), "objpos": {"x": float(centre[index, 0]), "y": float(centre[index, 1])},
        }  # fmt: skip
        rest = {"x1": 1.0, "y1": 1.0, "x2": 2.0, "y2": 2.0}
        several = np.array([person, rest], object) if index % 2 else person
        photos.append({"image": {"name": file.name}, "annorect": several})
        training.append(1)
    photos.append({"image": {"name": "test.png"}, "annorect": {"scale": 1.0, "objpos": {"x": 5.0, "y": 5.0}}})
    training.append(0)
    release = {"annolist": np.array(photos, object), "img_train": np.array(training)}
    file = folder / "mpii.mat"
    scipy.io.savemat(file, {"RELEASE": release})
    return file


def write_mpii_plain(folder, people):
    """A list with joints, joints_vis, center, scale and image."""
    joints, (centre, scale) = as_mpii_parts(people.joints), _middle(people)
    entries = [
        {
            "joints": (joints[index, :, :2] + 1).tolist(),
            "joints_vis": joints[index, :, 2].astype(int).tolist(),
            "center": centre[index].tolist(),
            "scale": float(scale[index]),
            "image": file.name,
        }
        for index, file in enumerate(people.photos)
    ]
    file = folder / "mpii.json"
    file.write_text(json.dumps(entries))
    return file


def write_mpii_cpm(folder, people):
    """A list with joint_self, objpos, scale_provided, img_paths and isValidation; the last eight are for validation."""
    joints, (centre, scale) = as_mpii_parts(people.joints), _middle(people)
    entries = []
    for index, file in enumerate(people.photos):
        points = joints[index] + np.float32([1, 1, 0])
        points[joints[index, :, 2] == 0] = 0, 0, 2
        points[4, 2] *= points[4, 2] == 2  # the left knee is hidden where it is labelled
        entries.append(
            {
                "joint_self": points.tolist(),
                "objpos": centre[index].tolist(),
                "scale_provided": float(scale[index]),
                "img_paths": file.name,
                "isValidation": float(index >= len(people) - 8),
                "dataset": "MPI",
            }
        )
    entries.append({"dataset": "LEEDS", "joint_self": [[1, 1, 1]] * 14, "objpos": [1, 1], "scale_provided": 1,
                    "img_paths": "im0001.jpg", "isValidation": 0})  # fmt: skip
    file = folder / "cpm.json"
    file.write_text(json.dumps(entries))
    return file


def write_flic(folder, people):
    """examples.mat next to images/; every fifth person is in the test split."""
    joints = as_flic_parts(people.joints)
    examples = []
    for index, file in enumerate(people.photos):
        coords = np.full((2, 29), np.nan)
        coords[:, FLIC_COLUMNS] = np.where(joints[index, :, 2] > 0, joints[index, :, :2].T + 1, np.nan)
        (x, y), half = people.centre[index], people.person_size[index] / 4
        examples.append(
            {
                "filepath": file.name,
                "coords": coords,
                "torsobox": np.array([x - half, y - half, x + half, y + half], float) + 1,
                "istrain": int(index % 5 != 0),
                "istest": int(index % 5 == 0),
            }
        )
    file = folder / "examples.mat"
    scipy.io.savemat(file, {"examples": np.array(examples, object)})
    return file


def save_everything(root):
    """Forty figures in all formats: the people, and the files by name."""
    people = figures_in_files(root / "images")
    files = {
        "mpii matlab": write_mpii_matlab(root, people),
        "mpii plain": write_mpii_plain(root, people),
        "mpii cpm": write_mpii_cpm(root, people),
        "flic": write_flic(root, people),
        "coco": root / "coco.json",
        "csv": root / "CollectedData.csv",
    }
    write_coco(files["coco"], people)
    write_deeplabcut(files["csv"], people)
    return people, files


def same(found, wanted, atol=2e-3):
    """Equal joints where they are labelled, and the same ones labelled."""
    np.testing.assert_array_equal(found[..., 2] > 0, wanted[..., 2] > 0)
    seen = wanted[..., 2] > 0
    np.testing.assert_allclose(found[..., :2][seen], wanted[..., :2][seen], atol=atol)
