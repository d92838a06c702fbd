"""Keypoints in COCO's JSON: of people, or of any category with any skeleton."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from .._replacing import replacing
from ..sides import mirror_pairs
from ..skeleton import COCO, Skeleton
from ._frames import check_frame
from ._photos import find_photos, read_json
from .people import PeopleDataset, photo_size

__all__ = ["load_coco", "write_coco", "write_coco_results"]

FRAMES = ("box", "joints", "photo")
LABELLED, VISIBLE = 1, 2  # codes of visibility; 0 is not labelled
logger = logging.getLogger(__name__)


def load_coco(
    annotations: str | Path, images: str | Path, *, category: str | int | None = None, frame: str = "box"
) -> PeopleDataset:
    """Annotated keypoints of one category.

    Parameters
    ----------
    annotations : path
        JSON with ``images``, ``annotations`` and ``categories``.
    images : path
        Folder of the photos.
    category : str or int, optional
        Name or number; needed where several categories have keypoints.
    frame : {"box", "joints", "photo"}, default="box"
        What sets centre and scale: the annotated box, which takes up 0.8 of the crop (the usual factor of 1.25), the
        box of the labelled keypoints, or the whole photo.

    Returns
    -------
    PeopleDataset
        Annotations with at least one labelled keypoint that are no crowd, in the order of the file. Keypoints of
        visibility 1 are labelled and ``occluded``; ``photo_ids`` are the numbers of the images. Limbs come from the
        category's ``skeleton``, left-right pairs from the names of its keypoints.

    Raises
    ------
    FileNotFoundError
        If the file, the folder or a photo is missing.
    ValueError
        If the file is not of this format, or leaves the category open.

    References
    ----------
    .. [1] Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; https://cocodataset.org/#format-data
    """
    check_frame(frame, FRAMES)
    path = Path(annotations)
    content = read_json(path)
    lacking = [name for name in ("images", "annotations", "categories") if name not in _as_dict(content)]
    if lacking:
        raise ValueError(
            f"{path} lacks {', '.join(lacking)}: these are not COCO's annotations (results have no images)"
        )
    chosen = _category(content["categories"], category, path)
    skeleton = _skeleton(chosen, path)
    kept = _kept([one for one in content["annotations"] if one.get("category_id") == chosen["id"]], chosen, path)
    joints = np.stack([_keypoints(one, skeleton, path) for one in kept])
    names = {image["id"]: image["file_name"] for image in content["images"]}
    unknown = sorted({one["image_id"] for one in kept} - {*names})
    if unknown:
        raise ValueError(f"{path}: image {unknown[0]} has annotations but is not in its list of images")
    boxes = None
    if frame == "box":
        boxes = np.array([_box(one, path) for one in kept])
    return PeopleDataset(
        find_photos(images, [names[one["image_id"]] for one in kept], path),
        np.dstack([joints[..., :2], joints[..., 2] > 0]),
        skeleton,
        rule=frame,
        boxes=boxes,
        occluded=joints[..., 2] == LABELLED,
        photo_ids=[one["image_id"] for one in kept],
        name=path.stem,
    )


def _as_dict(content) -> dict[str, Any]:
    return content if isinstance(content, dict) else {}


def _category(categories: list[dict], wanted: str | int | None, path: Path) -> dict:
    with_points = [one for one in categories if one.get("keypoints")]
    if wanted is not None:
        text = str(wanted)
        chosen = [one for one in with_points if text in (str(one["id"]), one.get("name"))]
    else:
        chosen = with_points
    if len(chosen) != 1:
        there = ", ".join(f"{one.get('name')!r}" for one in with_points) or "none"
        asked = "" if wanted is None else f"; {wanted!r} was asked for"
        raise ValueError(f"{path}: give category=..., one of those with keypoints: {there}{asked}")
    return chosen[0]


def _skeleton(category: dict, path: Path) -> Skeleton:
    parts = tuple(str(part) for part in category["keypoints"])
    if tuple(part.replace("_", " ") for part in parts) == COCO.parts:
        return COCO
    limbs = [tuple(end - 1 for end in limb) for limb in category.get("skeleton") or []]
    torso = tuple(part for name in ("left shoulder", "right hip") for part in parts if _plain(part) == name)
    try:
        return Skeleton(
            str(category.get("name", "keypoints")),
            parts,
            limbs=tuple(limb for limb in limbs if len(set(limb)) == 2),
            pairs=mirror_pairs(parts),
            reference=(torso[0], torso[1]) if len(torso) == 2 else None,
        )
    except ValueError as error:
        raise ValueError(f"{path}: its category {category.get('name')!r} has no proper skeleton: {error}") from error


def _plain(part: str) -> str:
    return part.replace("_", " ").casefold()


def _kept(annotations: list[dict], category: dict, path: Path) -> list[dict]:
    """Those with labelled keypoints that are no crowd."""
    if not annotations:
        raise ValueError(f"{path} has no annotation of category {category.get('name')!r}")
    crowds = sum(bool(one.get("iscrowd")) for one in annotations)
    single = [one for one in annotations if not one.get("iscrowd") and one.get("keypoints")]
    kept = [one for one in single if any(one["keypoints"][2::3])]
    if not kept:
        raise ValueError(f"{path}: none of {len(annotations)} annotations has a labelled keypoint")
    empty = len(annotations) - crowds - len(kept)
    if crowds or empty:
        logger.info("%s: %d crowds and %d annotations without keypoints are left out", path, crowds, empty)
    return kept


def _keypoints(annotation: dict, skeleton: Skeleton, path: Path) -> np.ndarray:
    points = np.array(annotation["keypoints"], np.float32)
    if points.size != 3 * skeleton.n_parts:
        raise ValueError(
            f"{path}: annotation {annotation.get('id')} has {points.size} numbers; {skeleton.n_parts} keypoints of "
            "x, y and visibility are expected"
        )
    return points.reshape(-1, 3)


def _box(annotation: dict, path: Path) -> list[float]:
    box = annotation.get("bbox")
    if not box or len(box) != 4 or not (box[2] > 0 and box[3] > 0):
        raise ValueError(
            f"{path}: annotation {annotation.get('id')} has the box {box!r}, without a size; use frame='joints'"
        )
    return [float(value) for value in box]


# -- writing ----------------------------------------------------------------------------------------------------------


def write_coco(path: str | Path, people: PeopleDataset, *, images: str | Path | None = None) -> None:
    """Write a data set as COCO's annotations.

    Parameters
    ----------
    path : path
    people : PeopleDataset
        Of photos in files.
    images : path, optional
        Folder that the names of the photos begin in; by default their names alone are written.

    Raises
    ------
    ValueError
        If a photo is no file.

    Notes
    -----
    The box of an annotation is that of the labelled joints, and the area that of the box. What `PeopleDataset` does
    not hold (masks, licences) is left out.
    """
    files = _files(people, "annotations")
    numbers = {file: number for number, file in enumerate(dict.fromkeys(files), 1)}
    entries = []
    for index, file in enumerate(files):
        joints = people.joints[index]
        codes = np.where(joints[:, 2] > 0, VISIBLE, 0)
        if people.occluded is not None:
            codes[(codes > 0) & people.occluded[index]] = LABELLED
        box = _box_of(joints)
        entries.append(
            {
                "id": index + 1,
                "image_id": numbers[file],
                "category_id": 1,
                "keypoints": _flat(joints[:, :2], codes),
                "num_keypoints": int((codes > 0).sum()),
                "bbox": box,
                "area": round(box[2] * box[3], 2),
                "iscrowd": 0,
            }
        )
    category = {
        "id": 1,
        "name": people.skeleton.name,
        "keypoints": list(people.skeleton.parts),
        "skeleton": [[first + 1, second + 1] for first, second in people.skeleton.limbs],
    }
    pictures = [
        {
            "id": number,
            "file_name": _name(file, images),
            **dict(zip(("width", "height"), photo_size(file), strict=True)),
        }
        for file, number in numbers.items()
    ]
    _write({"images": pictures, "annotations": entries, "categories": [category]}, Path(path))


def write_coco_results(path: str | Path, photo_ids, joints, scores, *, category_id: int = 1) -> None:
    """Write predictions in the format of COCO's results, as servers and ``python -m posemachines evaluate`` read it.

    Parameters
    ----------
    path : path
    photo_ids : sequence of N int
        Numbers of the images, ``photo_ids`` of :func:`load_coco`.
    joints : ndarray of shape (N, P, 2)
        x, y in pixels of the photo.
    scores : ndarray of shape (N, P) or (N,)
        Belief in each joint, or each person's score; the score of a person is the mean over the joints.
    category_id : int, default=1

    Raises
    ------
    ValueError
        If the shapes do not agree or a number is not finite.
    """
    joints, scores = np.asarray(joints, float), np.asarray(scores, float)
    if joints.ndim != 3 or joints.shape[2] != 2 or len(photo_ids) != len(joints):
        raise ValueError(f"joints must be (N, P, 2) for {len(photo_ids)} photo_ids; got {joints.shape}")
    if scores.shape not in (joints.shape[:2], joints.shape[:1]):
        raise ValueError(f"scores must be {joints.shape[:2]} or {joints.shape[:1]}; got {scores.shape}")
    if not (np.isfinite(joints).all() and np.isfinite(scores).all()):
        raise ValueError("joints and scores must be finite: COCO's results have no missing keypoints")
    each = scores if scores.ndim == 2 else np.repeat(scores[:, None], joints.shape[1], 1)
    entries = [
        {
            "image_id": _number(photo_id),
            "category_id": category_id,
            "keypoints": _flat(joints[index], each[index]),
            "score": round(float(each[index].mean()), 5),
        }
        for index, photo_id in enumerate(photo_ids)
    ]
    _write(entries, Path(path))


def _files(people: PeopleDataset, what: str) -> list[Path]:
    if not all(isinstance(photo, str | Path) for photo in people.photos):
        raise ValueError(f"the photos of {people.name!r} are arrays; {what} need files: save them first")
    return [Path(photo) for photo in people.photos if isinstance(photo, str | Path)]


def _name(file: Path, images: str | Path | None) -> str:
    return file.name if images is None else file.relative_to(images).as_posix()


def _number(value):
    return value.item() if isinstance(value, np.generic) else value


def _flat(points: np.ndarray, third: np.ndarray) -> list:
    """x, y, third, x, y, third, ...: as whole numbers where they are codes."""
    labelled = third > 0 if third.dtype.kind == "i" else np.ones(len(third), bool)
    rows = [[round(float(x), 3), round(float(y), 3), round(third[i].item(), 5)] if labelled[i] else [0, 0, 0]
            for i, (x, y) in enumerate(points)]  # fmt: skip
    return [value for row in rows for value in row]


def _box_of(joints: np.ndarray) -> list[float]:
    labelled = joints[joints[:, 2] > 0, :2]
    if not len(labelled):
        return [0.0, 0.0, 0.0, 0.0]
    low, high = labelled.min(0), labelled.max(0)
    return [round(float(value), 2) for value in (*low, *(high - low + 1))]


def _write(content, path: Path) -> None:
    text = json.dumps(content, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
