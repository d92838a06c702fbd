"""Poses in JSON: COCO's annotations and results, MPII's list, and plain arrays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ._pose_tables import part_order
from .metrics import Detections, LabelledPeople
from .protocols import Protocol

__all__ = ["annotated_people", "detections", "list_poses", "read_json"]

_LISTS = ("annotations", "predictions", "results")
_POSES = ("keypoints", "joints", "pred", "coords")
_VISIBLE = ("joints_vis", "joints_visible", "visible")
_IDS = ("image_id", "image", "img_name", "file_name")


def read_json(path: Path) -> tuple[list[dict[str, Any]] | None, dict[str, Any]]:
    """The list of entries (None where there is none), and the rest of the file as a dict."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not readable JSON ({error})") from error
    if isinstance(content, list):
        if content and all(isinstance(entry, dict) for entry in content):
            return content, {}
        return ([], {}) if not content else (None, {path.stem: content})
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds neither a list nor an object")
    for name in _LISTS:
        entries = content.get(name)
        if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries):
            return entries, content
    return None, content


def list_poses(
    entries: list[dict[str, Any]], content: dict[str, Any], protocol: Protocol, path: Path
) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...] | None, list[str]]:
    """One pose a person: (N, P, 2 or 3), labelled (N, P) if the file says so, names, notes.

    Where several entries stand for one image, each with a score, the surest one is taken. Entries whose images are
    numbered are put in the order of the numbers.
    """
    field = next((name for name in _POSES if all(name in entry for entry in entries)), None)
    if field is None or not entries:
        raise ValueError(f"{path}: its entries have none of the fields {', '.join(_POSES)}")
    notes: list[str] = []
    ids = next(([entry[name] for entry in entries] for name in _IDS if all(name in entry for entry in entries)), None)
    if ids is not None and len(set(ids)) < len(ids) and all("score" in entry for entry in entries):
        surest: dict[Any, int] = {}
        for index, (key, entry) in enumerate(zip(ids, entries, strict=True)):
            if key not in surest or entry["score"] > entries[surest[key]]["score"]:
                surest[key] = index
        notes.append(f"{len(ids)} predictions on {len(surest)} images: the surest of each image is taken")
        entries, ids = [entries[index] for index in surest.values()], list(surest)
    if ids is not None and len(set(ids)) == len(ids) and all(isinstance(key, int) for key in ids):
        rising = sorted(range(len(ids)), key=ids.__getitem__)
        entries, ids = [entries[index] for index in rising], [ids[index] for index in rising]
    poses = np.stack([_pose(entry[field], protocol, path) for entry in entries])
    labelled = None
    seen = next((name for name in _VISIBLE if all(name in entry for entry in entries)), None)
    if seen is not None:
        labelled = np.array([entry[seen] for entry in entries], float) > 0
    elif field == "keypoints" and poses.shape[-1] == 3 and "images" in content:
        labelled = poses[..., 2] > 0
    order = _category_order(content, protocol, path)
    if order is not None:
        poses = poses[:, order]
        labelled = None if labelled is None else labelled[:, order]
    return poses, labelled, None if ids is None else tuple(map(str, ids)), notes


def annotated_people(entries: list[dict[str, Any]], content: dict[str, Any], protocol: Protocol, path: Path):
    """COCO's annotations, several people an image, as :class:`LabelledPeople`."""
    if "images" not in content:
        raise ValueError(f"{path} has no list of images: give COCO's annotations, not results, as the truth")
    entries = [entry for entry in entries if "keypoints" in entry]
    if not entries:
        raise ValueError(f"{path} has no annotation with keypoints")
    joints = np.stack([_pose(entry["keypoints"], protocol, path) for entry in entries])
    order = _category_order(content, protocol, path)
    try:
        return LabelledPeople(
            image=np.array([entry["image_id"] for entry in entries]),
            joints=joints if order is None else joints[:, order],
            areas=np.array([entry["area"] for entry in entries], float),
            boxes=np.array([entry["bbox"] for entry in entries], float).reshape(-1, 4),
            crowd=np.array([bool(entry.get("iscrowd", 0)) for entry in entries]),
            images=np.array([image["id"] for image in content["images"]]),
        )
    except KeyError as error:
        raise ValueError(f"{path}: an annotation lacks the field {error}; OKS needs image_id, area and bbox") from error


def detections(entries: list[dict[str, Any]], protocol: Protocol, path: Path) -> Detections:
    """COCO's results as :class:`Detections`."""
    lacking = [name for name in ("image_id", "keypoints", "score") if not all(name in entry for entry in entries)]
    if lacking:
        raise ValueError(f"{path}: an entry lacks {', '.join(lacking)}; COCO's results have image_id, keypoints, score")
    boxes = bool(entries) and bool(entries[0].get("bbox"))
    parts = len(protocol.parts)
    return Detections(
        image=np.array([entry["image_id"] for entry in entries]),
        joints=np.array([_pose(entry["keypoints"], protocol, path)[:, :2] for entry in entries]).reshape(-1, parts, 2),
        scores=np.array([entry["score"] for entry in entries], float),
        areas=np.array([entry["bbox"][2] * entry["bbox"][3] for entry in entries], float) if boxes else None,
    )


def _pose(values: Any, protocol: Protocol, path: Path) -> np.ndarray:
    """One pose (P, 2 or 3) from a flat or a nested list."""
    pose = np.array(values, float)  # null becomes NaN
    sizes = [len(layout) for layout in (protocol.parts, *protocol.layouts)]
    if pose.ndim == 1:
        fits = [(size, columns) for columns in (3, 2) for size in sizes if size * columns == len(pose)]
        pose = pose.reshape(fits[0]) if fits else pose
    if pose.ndim != 2 or pose.shape[1] not in (2, 3):
        numbers = " or ".join(map(str, sizes))
        raise ValueError(f"{path}: a pose of {pose.size} numbers is not {numbers} joints of 2 or 3 columns")
    return pose


def _category_order(content: dict[str, Any], protocol: Protocol, path: Path) -> list[int] | None:
    """How to order the joints where the file names them."""
    named = [category["keypoints"] for category in content.get("categories", []) if category.get("keypoints")]
    return part_order(named[0], protocol, str(path)) if len(named) == 1 else None
