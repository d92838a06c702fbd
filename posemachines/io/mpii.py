"""MPII Human Pose: the published MATLAB file, and the JSON files in which it is redistributed.

Traps: pixels are counted from 1 in all of them; a subject of scale 1 is 200 px high; the head's ends are never marked
as hidden; the JSON of Convolutional Pose Machines holds people of LEEDS, too, and marks unlabelled joints by code 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..skeleton import MPII
from .annotations import Annotations
from .files import read_json
from .mat import mat_variables, read_mat

__all__ = ["JSON_LAYOUTS", "read_mpii", "recognise_mpii"]

PERSON_HEIGHT = 200.0  # px of a subject of scale 1
HEAD_SHARE = 0.6  # of the diagonal of the head's box: the reference length
NOT_LABELLED = 2  # code of visibility in the JSON of Convolutional Pose Machines
JSON_LAYOUTS = (
    ("joints", "joints_vis", "center", "scale", "image"),
    ("joint_self", "objpos", "scale_provided", "img_paths"),
)
"""Fields of a subject: as high-resolution nets, and as hourglasses and Convolutional Pose Machines are trained."""


@dataclass
class _Subjects:
    """What the files say, subject by subject; pixels are counted from 1 until the end."""

    photos: list[str] = field(default_factory=list)
    joints: list[np.ndarray] = field(default_factory=list)
    hidden: list[np.ndarray] = field(default_factory=list)
    centre: list[Any] = field(default_factory=list)
    scale: list[float] = field(default_factory=list)
    heads: list[float] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)

    def add(self, photo, joints, hidden, centre, scale, head=np.nan, split="") -> None:
        values = (photo, joints, hidden, centre, scale, head, split)
        for name, value in zip(vars(self), values, strict=True):
            getattr(self, name).append(value)


def recognise_mpii(path: Path) -> str | None:
    """What makes a file MPII's, in words; None where nothing does."""
    try:
        if path.suffix.lower() == ".mat":
            return "read as MPII: the variable RELEASE" if "RELEASE" in mat_variables(path) else None
        content = read_json(path) if path.suffix.lower() == ".json" else None
    except (FileNotFoundError, ValueError):
        return None
    entries = content.get("root") if isinstance(content, dict) else content
    entry = entries[0] if isinstance(entries, list) and entries and isinstance(entries[0], dict) else {}
    layout = next((layout for layout in JSON_LAYOUTS if all(name in entry for name in layout)), None)
    return f"read as MPII: a list with {', '.join(layout)}" if layout else None


def read_mpii(path: str | Path) -> Annotations:
    """Labels of MPII, of the subjects who have joints, a centre and a scale.

    `person_size` is 200 px times the annotated scale; `splits` ("train", "validation") are those of JSON with
    ``isValidation``. Of the MATLAB file only training photos are labelled, and only they are read.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If it has none of the known layouts.
    """
    path = Path(path)
    found = _from_matlab(path) if path.suffix.lower() == ".mat" else _from_json(path)
    if not found.photos:
        raise ValueError(f"{path} has no subject with labelled joints, a centre and a scale")
    joints = np.stack(found.joints).astype(np.float32)
    joints[..., :2] -= 1
    heads = np.array(found.heads)
    return Annotations(
        "mpii",
        found.photos,
        joints,
        MPII,
        occluded=np.stack(found.hidden),
        centre=np.array(found.centre, float) - 1,
        person_size=PERSON_HEIGHT * np.array(found.scale, float),
        reference_length=heads if np.isfinite(heads).any() else None,
        splits=found.splits if all(found.splits) else None,
    )


# -- the MATLAB file ---------------------------------------------------------------------------------------------------


def _from_matlab(path: Path) -> _Subjects:
    release = read_mat(path, "RELEASE", advice="give mpii_human_pose_v1_u12_1.mat or a JSON file")
    if not hasattr(release, "annolist") or not hasattr(release, "img_train"):
        raise ValueError(f"{path} is not MPII's MATLAB file: its RELEASE lacks annolist and img_train")
    found = _Subjects()
    for photo, is_training in zip(np.atleast_1d(release.annolist), np.atleast_1d(release.img_train), strict=True):
        for person in np.atleast_1d(getattr(photo, "annorect", [])) if is_training else []:
            _add_person(found, str(photo.image.name), person)
    return found


def _add_person(found: _Subjects, photo: str, person) -> None:
    """Add a person who has joints, a centre and a scale."""
    points = np.atleast_1d(getattr(getattr(person, "annopoints", None), "point", []))
    place: Any = getattr(person, "objpos", None)
    scale = _scalar(getattr(person, "scale", None))
    if not len(points) or not hasattr(place, "x") or not np.isfinite(scale):
        return
    joints, hidden = np.zeros((MPII.n_parts, 3)), np.zeros(MPII.n_parts, bool)
    for point in points:
        part = int(point.id)
        joints[part] = point.x, point.y, 1
        seen = getattr(point, "is_visible", 1)
        hidden[part] = np.size(seen) > 0 and int(np.atleast_1d(seen)[0]) == 0
    corners = [_scalar(getattr(person, name, None)) for name in ("x1", "y1", "x2", "y2")]
    head = HEAD_SHARE * float(np.hypot(corners[2] - corners[0], corners[3] - corners[1]))
    found.add(photo, joints, hidden, (_scalar(place.x), _scalar(place.y)), scale, head)


def _scalar(value) -> float:
    """A number, or NaN for the empty arrays that stand for missing ones."""
    return float(value) if np.size(value) == 1 and value is not None else float("nan")


# -- JSON --------------------------------------------------------------------------------------------------------------


def _from_json(path: Path) -> _Subjects:
    entries = read_json(path)
    if isinstance(entries, dict):
        entries = entries.get("root", entries)
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{path} is not a list of subjects")
    readers = zip((_add_plain, _add_cpm), JSON_LAYOUTS, strict=True)
    add, names = next((reader for reader in readers if all(name in entries[0] for name in reader[1])), (None, ()))
    if add is None:
        raise ValueError(
            f"{path}: its subjects have the fields {', '.join(entries[0])}; expected are "
            + ", or ".join(", ".join(names) for names in JSON_LAYOUTS)
        )
    found = _Subjects()
    for number, entry in enumerate(entries):
        if entry.get("dataset", "MPI").upper()[:3] != "MPI":
            continue
        missing = [name for name in names if name not in entry]
        if missing:
            raise ValueError(f"{path}: subject {number} lacks {', '.join(missing)}")
        add(found, entry, path)
    return found


def _add_plain(found: _Subjects, entry: dict, path: Path) -> None:
    joints = _points(entry["joints"], 2, path)
    labelled = np.array(entry["joints_vis"], float).ravel() > 0
    if labelled.any():
        hidden = np.zeros(MPII.n_parts, bool)
        joints = np.where(labelled[:, None], np.column_stack([joints, labelled]), 0)
        found.add(entry["image"], joints, hidden, entry["center"], float(entry["scale"]))


def _add_cpm(found: _Subjects, entry: dict, path: Path) -> None:
    points = _points(entry["joint_self"], 3, path)
    labelled = (points[:, :2] > 0).all(1) & (points[:, 2] != NOT_LABELLED)
    if labelled.any():
        hidden = labelled & (points[:, 2] == 0)
        joints = np.where(labelled[:, None], np.column_stack([points[:, :2], labelled]), 0)
        split = ("validation" if entry["isValidation"] else "train") if "isValidation" in entry else ""
        scale = float(entry["scale_provided"])
        found.add(entry["img_paths"], joints, hidden, entry["objpos"], scale, np.nan, split)


def _points(values, columns: int, path: Path) -> np.ndarray:
    points = np.array(values, float)
    if points.shape != (MPII.n_parts, columns):
        raise ValueError(
            f"{path}: the joints of a subject have shape {points.shape}; ({MPII.n_parts}, {columns}) is expected"
        )
    return points
