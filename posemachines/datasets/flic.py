"""Frames Labeled In Cinema, in the layout in which it is published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from ..skeleton import FLIC
from ._frames import CPM_CROP, CPM_PERSON, check_frame
from ._photos import find_photos
from .people import PeopleDataset

__all__ = ["load_flic"]

FRAMES = ("cpm", "joints")
SPLITS = ("train", "test")
COLUMNS = {
    "left shoulder": 0, "left elbow": 1, "left wrist": 2, "right shoulder": 3, "right elbow": 4, "right wrist": 5,
    "left hip": 6, "right hip": 9, "nose": 16,
}  # of the 29 columns of `coords`; the others are empty, or eyes  # fmt: skip
SCALE_OF_TORSO = 0.0110  # of a person, for each pixel of the torso box's height
PERSON_HEIGHT = 200.0  # px of a person of scale 1


def load_flic(
    root: str | Path, *, split: str | None = None, frame: str = "cpm", view: str = "observer"
) -> PeopleDataset:
    """Upper bodies in frames of films: nine joints of one person a frame.

    Parameters
    ----------
    root : path
        Folder with ``examples.mat`` and ``images/``.
    split : {"train", "test"}, optional
        The published one; by default both, in the order of the file.
    frame : {"cpm", "joints"}, default="cpm"
        What sets centre and scale: the annotated box of the torso, as Convolutional Pose Machines see it (0.7 of the
        way up the box, and a person 2.2 times as high as it), or the box of the labelled joints.
    view : {"observer", "person"}, default="observer"
        "observer" exchanges left and right of people whose right shoulder lies right of the left one in the photo;
        "person" leaves them as they are in the file.

    Returns
    -------
    PeopleDataset
        Pixels are 0-based.

    Raises
    ------
    FileNotFoundError
        If the folder, the labels or a photo is missing.
    ValueError
        If ``examples.mat`` does not have this layout.

    References
    ----------
    .. [1] Sapp and Taskar, "MODEC: Multimodal Decomposable Models for Human Pose Estimation", CVPR 2013.
    """
    check_frame(frame, FRAMES)
    if split is not None and split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
    file = Path(root) / "examples.mat"
    examples = _read(file)
    if split is not None:
        examples = [one for one in examples if bool(getattr(one, f"is{split}"))]
    if not examples:
        raise ValueError(f"{file} has nobody in the split {split!r}")
    joints = np.stack([_joints(one, file) for one in examples])
    if view == "observer":
        joints = _facing(joints)
    given: dict[str, Any] = {"rule": "joints"}
    if frame == "cpm":
        boxes = np.array([np.ravel(one.torsobox) for one in examples], float) - 1
        left, top, right, bottom = boxes.T
        given = {
            "rule": "given",
            "frame": "cpm",
            "centre": np.column_stack([(left + right) / 2, 0.7 * top + 0.3 * bottom]),
            "scale": PERSON_HEIGHT * SCALE_OF_TORSO * (bottom - top),
            "fill": CPM_PERSON / CPM_CROP,
        }
    names = [str(one.filepath) for one in examples]
    photos = find_photos(Path(root) / "images", names, file)
    return PeopleDataset(photos, joints, FLIC, view=view, photo_ids=names, name="flic", **given)


def _read(file: Path) -> list:
    if not file.is_file():
        raise FileNotFoundError(f"no {file.name} in {file.parent}; give the folder that holds it and images/")
    try:
        examples = np.atleast_1d(scipy.io.loadmat(file, struct_as_record=False, squeeze_me=True)["examples"])
    except Exception as error:  # scipy raises many kinds for a damaged file
        raise ValueError(f"{file} is not FLIC's file: no variable 'examples' ({error!r})") from error
    lacking = [
        name for name in ("filepath", "coords", "torsobox", "istrain", "istest") if not hasattr(examples[0], name)
    ]
    if lacking:
        raise ValueError(f"{file}: its examples lack {', '.join(lacking)}")
    return list(examples)


def _joints(example, file: Path) -> np.ndarray:
    coords = np.asarray(example.coords, float)
    if coords.ndim != 2 or coords.shape[0] != 2 or coords.shape[1] <= max(COLUMNS.values()):
        raise ValueError(f"{file}: 'coords' has shape {coords.shape}; (2, 29) is expected")
    points = coords[:, [COLUMNS[part] for part in FLIC.parts]].T - 1
    labelled = np.isfinite(points).all(1, keepdims=True)
    return np.hstack([np.where(labelled, points, 0), labelled]).astype(np.float32)


def _facing(joints: np.ndarray) -> np.ndarray:
    """Joints in which everybody's right shoulder lies left of the left one."""
    right, left = (joints[:, FLIC.index(f"{side} shoulder")] for side in ("right", "left"))
    turned = (right[:, 0] > left[:, 0]) & (right[:, 2] > 0) & (left[:, 2] > 0)
    return np.where(turned[:, None, None], joints[:, list(FLIC.flip_order)], joints)
