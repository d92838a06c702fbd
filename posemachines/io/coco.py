"""COCO's keypoint JSON, read: annotations and results, of people or of any category with any skeleton.

Traps: an annotation of visibility 1 is labelled but hidden, and of 0 not labelled, at (0, 0); crowds stand for
several subjects; ``skeleton`` counts keypoints from 1; results are a bare list without images or categories.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from ..sides import mirror_pairs
from ..skeleton import COCO, Skeleton
from .annotations import Annotations
from .files import read_json

__all__ = ["LABELLED", "TOP_LEVEL", "VISIBLE", "flat_pose", "read_coco"]

LABELLED, VISIBLE = 1, 2  # codes of visibility; 0 is not labelled
TOP_LEVEL = ("images", "annotations", "categories")
logger = logging.getLogger(__name__)


def read_coco(path: str | Path, category: str | int | None = None, *, boxes: bool = False) -> Annotations:
    """Annotated keypoints of one category: of annotations with a labelled keypoint that are no crowd, in file order.

    Parameters
    ----------
    path : path
        JSON with ``images``, ``annotations`` and ``categories``.
    category : str or int, optional
        Name or number; needed where several categories have keypoints.
    boxes : bool, default=False
        Read the bounding boxes, too, and refuse annotations without one.

    Returns
    -------
    Annotations
        `photo_ids` are the numbers of the images. Limbs come from the category's ``skeleton``, left-right pairs from
        the names of its keypoints.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If the file is not of this format, or several categories have keypoints and none is chosen.
    """
    path = Path(path)
    content = read_json(path)
    lacking = [name for name in TOP_LEVEL if not isinstance(content, dict) or name not in content]
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
    return Annotations(
        path.stem,
        [names[one["image_id"]] for one in kept],
        np.dstack([joints[..., :2], joints[..., 2] > 0]),
        skeleton,
        photo_ids=[one["image_id"] for one in kept],
        occluded=joints[..., 2] == LABELLED,
        boxes=np.array([_box(one, path) for one in kept]) if boxes else None,
    )


def _category(categories: list[dict], wanted: str | int | None, path: Path) -> dict:
    with_points = [one for one in categories if one.get("keypoints")]
    if wanted is not None:
        text = str(wanted)
        chosen = [one for one in with_points if text in (str(one["id"]), one.get("name"))]
    else:
        chosen = with_points
    if len(chosen) != 1:
        there = ", ".join(f"{one.get('name')!r}" for one in with_points) or "none"
        given = "" if wanted is None else f"; got {wanted!r}"
        raise ValueError(f"{path}: give category=..., one of those with keypoints: {there}{given}")
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
        raise ValueError(f"{path}: its category {category.get('name')!r} has no valid skeleton: {error}") from error


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
    where = f"{path}: annotation {annotation.get('id')}"
    pose = flat_pose(annotation["keypoints"], [skeleton.n_parts], where, columns=(3,))
    return pose.astype(np.float32)


def _box(annotation: dict, path: Path) -> list[float]:
    box = annotation.get("bbox")
    if not box or len(box) != 4 or not (box[2] > 0 and box[3] > 0):
        raise ValueError(
            f"{path}: annotation {annotation.get('id')} has the bounding box {box!r}, without a size; "
            "use crop_rule='joints'"
        )
    return [float(value) for value in box]


def flat_pose(values: Any, sizes: Collection[int], where: str, *, columns: Collection[int] = (3, 2)) -> np.ndarray:
    """One pose (P, 2 or 3) from a flat list (x, y, third, x, ...) or a nested one.

    Parameters
    ----------
    values : list
    sizes : collection of int
        Possible numbers of parts.
    where : str
        File and entry, for messages.
    columns : collection of int
        Possible numbers per part, the preferred one first.
    """
    pose = np.array(values, float)  # null becomes NaN
    if pose.ndim == 1:
        fits = [(size, width) for width in columns for size in sizes if size * width == len(pose)]
        pose = pose.reshape(fits[0]) if fits else pose
    if pose.ndim != 2 or pose.shape[1] not in columns:
        numbers, widths = (" or ".join(map(str, each)) for each in (sizes, sorted(columns)))
        raise ValueError(f"{where}: a pose of {pose.size} numbers is not {numbers} joints of {widths} columns")
    return pose
