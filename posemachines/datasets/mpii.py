"""MPII Human Pose, from the published MATLAB file or the JSON files in which it is passed on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from ..skeleton import MPII
from ._frames import CPM_CROP, CPM_PERSON, HOURGLASS_FILL, check_frame
from ._photos import find_photos, read_json
from .people import PeopleDataset

__all__ = ["load_mpii"]

FRAMES = ("cpm", "hourglass", "joints")
SPLITS = ("train", "validation")
PERSON_HEIGHT = 200.0  # px of a person of scale 1
DOWN = 15.0  # px that the hourglass line moves the centre down, for a person of scale 1
HEAD_SHARE = 0.6  # of the diagonal of the head's box: the reference length
NOT_LABELLED = 2  # code of visibility in the JSON of Convolutional Pose Machines


@dataclass
class _People:
    """What the files say, person by person; pixels are counted from 1 until the end."""

    photos: list[str] = field(default_factory=list)
    joints: list[np.ndarray] = field(default_factory=list)
    hidden: list[np.ndarray] = field(default_factory=list)
    centre: list[Any] = field(default_factory=list)
    scale: list[float] = field(default_factory=list)
    heads: list[float] = field(default_factory=list)
    validation: list[bool | None] = field(default_factory=list)

    def add(self, photo, joints, hidden, centre, scale, head=np.nan, validation=None) -> None:
        values = (photo, joints, hidden, centre, scale, head, validation)
        for name, value in zip(vars(self), values, strict=True):
            getattr(self, name).append(value)


def load_mpii(
    annotations: str | Path, images: str | Path, *, split: str | None = None, frame: str = "cpm"
) -> PeopleDataset:
    """People with labelled joints, of whom a photo may have several.

    Parameters
    ----------
    annotations : path
        ``mpii_human_pose_v1_u12_1.mat`` as published, or JSON: a list with ``joints, joints_vis, center, scale, image``
        a person (as high-resolution nets are trained from it), or with ``joint_self, objpos, scale_provided,
        img_paths`` and ``isValidation`` (as hourglasses and Convolutional Pose Machines are).
    images : path
        Folder of the photos.
    split : {"train", "validation"}, optional
        For JSON that says which is which; otherwise everybody. Of the MATLAB file the people of training photos are
        loaded: those of test photos are not labelled.
    frame : {"cpm", "hourglass", "joints"}, default="cpm"
        What sets centre and scale: the annotated centre and height, a person of scale 1 being 234 of 368 px high, as
        Convolutional Pose Machines see them; the same with the centre moved down by 15 px a unit of scale, and a height
        that takes up 0.8 of the crop, as in the hourglass line; or the box of the labelled joints.

    Returns
    -------
    PeopleDataset
        ``reference`` is 0.6 of the diagonal of the head's box, the length of PCKh, where the file has the box (the
        MATLAB file). Pixels are 0-based.

    Raises
    ------
    FileNotFoundError
        If the file, the folder or a photo is missing.
    ValueError
        If the file has none of these layouts, or does not tell the split.

    References
    ----------
    .. [1] Andriluka et al., "2D Human Pose Estimation: New Benchmark and State of the Art Analysis", CVPR 2014.
    .. [2] Newell, Yang and Deng, "Stacked Hourglass Networks for Human Pose Estimation", ECCV 2016.
    """
    check_frame(frame, FRAMES)
    path = Path(annotations)
    if split is not None and split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
    found = _from_matlab(path) if path.suffix.lower() == ".mat" else _from_json(path)
    if not found.photos:
        raise ValueError(f"{path} has nobody with labelled joints, a centre and a scale")
    kept = _of_split(found, split, path)
    joints = np.stack(found.joints).astype(np.float32)[kept]
    joints[..., :2] -= 1
    hidden = np.stack(found.hidden)[kept]
    heads = np.array(found.heads)[kept]
    given: dict[str, Any] = {"rule": "joints"}
    if frame != "joints":
        centre, scale = np.array(found.centre, float)[kept] - 1, np.array(found.scale, float)[kept]
        fill = CPM_PERSON / CPM_CROP if frame == "cpm" else HOURGLASS_FILL
        if frame == "hourglass":
            centre[:, 1] += DOWN * scale
        given = {"rule": "given", "frame": frame, "centre": centre, "scale": PERSON_HEIGHT * scale, "fill": fill}
    names = [found.photos[index] for index in kept]
    return PeopleDataset(
        find_photos(images, names, path), joints, MPII, occluded=hidden, photo_ids=names, name="mpii",
        reference=heads if np.isfinite(heads).any() else None, **given,
    )  # fmt: skip


def _of_split(found: _People, split: str | None, path: Path) -> list[int]:
    if split is None:
        return list(range(len(found.photos)))
    if any(value is None for value in found.validation):
        raise ValueError(f"{path} does not say who is for validation; split it yourself: dataset.split_photos(0.9)")
    kept = [index for index, value in enumerate(found.validation) if value == (split == "validation")]
    if not kept:
        raise ValueError(f"{path} has nobody in the split {split!r}")
    return kept


# -- the MATLAB file ---------------------------------------------------------------------------------------------------


def _from_matlab(path: Path) -> _People:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; give mpii_human_pose_v1_u12_1.mat or a JSON file")
    try:
        release = scipy.io.loadmat(path, struct_as_record=False, squeeze_me=True)["RELEASE"]
        photos, training = np.atleast_1d(release.annolist), np.atleast_1d(release.img_train)
    except Exception as error:  # scipy raises many kinds for a damaged file
        raise ValueError(
            f"{path} is not MPII's MATLAB file: no RELEASE with annolist and img_train ({error!r})"
        ) from error
    found = _People()
    for photo, is_training in zip(photos, training, strict=True):
        for person in np.atleast_1d(getattr(photo, "annorect", [])) if is_training else []:
            _add_person(found, str(photo.image.name), person)
    return found


def _add_person(found: _People, photo: str, person) -> None:
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
        hidden[part] = np.size(seen) > 0 and int(np.atleast_1d(seen)[0]) == 0  # the head's ends are never said to be
    corners = [_scalar(getattr(person, name, None)) for name in ("x1", "y1", "x2", "y2")]
    head = HEAD_SHARE * float(np.hypot(corners[2] - corners[0], corners[3] - corners[1]))
    found.add(photo, joints, hidden, (_scalar(place.x), _scalar(place.y)), scale, head)


def _scalar(value) -> float:
    """A number, or NaN for the empty arrays that stand for missing ones."""
    return float(value) if np.size(value) == 1 and value is not None else float("nan")


# -- JSON --------------------------------------------------------------------------------------------------------------


def _from_json(path: Path) -> _People:
    entries = read_json(path)
    if isinstance(entries, dict):
        entries = entries.get("root", entries)
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{path} is not a list of people")
    readers = ((_add_plain, ("joints", "joints_vis", "center", "scale", "image")),
               (_add_cpm, ("joint_self", "objpos", "scale_provided", "img_paths")))  # fmt: skip
    add, names = next((reader for reader in readers if all(name in entries[0] for name in reader[1])), (None, ()))
    if add is None:
        raise ValueError(
            f"{path}: a person has the fields {', '.join(entries[0])}; expected are "
            + ", or ".join(", ".join(names) for _, names in readers)
        )
    found = _People()
    for number, entry in enumerate(entries):
        if entry.get("dataset", "MPI").upper()[:3] != "MPI":
            continue  # the file of Convolutional Pose Machines holds LEEDS, too
        missing = [name for name in names if name not in entry]
        if missing:
            raise ValueError(f"{path}: person {number} lacks {', '.join(missing)}")
        add(found, entry, path)
    return found


def _add_plain(found: _People, entry: dict, path: Path) -> None:
    joints = _points(entry["joints"], 2, path)
    labelled = np.array(entry["joints_vis"], float).ravel() > 0
    if labelled.any():
        hidden = np.zeros(MPII.n_parts, bool)
        joints = np.where(labelled[:, None], np.column_stack([joints, labelled]), 0)
        found.add(entry["image"], joints, hidden, entry["center"], float(entry["scale"]))


def _add_cpm(found: _People, entry: dict, path: Path) -> None:
    points = _points(entry["joint_self"], 3, path)
    labelled = (points[:, :2] > 0).all(1) & (points[:, 2] != NOT_LABELLED)
    if labelled.any():
        hidden = labelled & (points[:, 2] == 0)
        joints = np.where(labelled[:, None], np.column_stack([points[:, :2], labelled]), 0)
        split = bool(entry["isValidation"]) if "isValidation" in entry else None
        scale = float(entry["scale_provided"])
        found.add(entry["img_paths"], joints, hidden, entry["objpos"], scale, np.nan, split)


def _points(values, columns: int, path: Path) -> np.ndarray:
    points = np.array(values, float)
    if points.shape != (MPII.n_parts, columns):
        raise ValueError(
            f"{path}: a person's joints have shape {points.shape}; ({MPII.n_parts}, {columns}) is expected"
        )
    return points
