"""Poses in JSON: entries of COCO's annotations and results, of MPII's list, and plain arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation.protocols import Protocol
from ..metrics import Detections, LabelledPeople
from .coco import flat_pose
from .files import read_json
from .part_names import part_order

__all__ = ["list_poses", "read_detections", "read_entries", "read_oks_truth"]

_LISTS = ("annotations", "predictions", "results")
_POSES = ("keypoints", "joints", "pred", "coords")
_VISIBLE = ("joints_vis", "joints_visible", "visible")
_IDS = ("image_id", "image", "img_name", "file_name")


def read_entries(path: Path) -> tuple[list[dict[str, Any]] | None, dict[str, Any]]:
    """The list of entries (None where there is none), and the rest of the file as a dict."""
    content = read_json(path)
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
    """One pose per subject: (N, P, 2 or 3), labelled (N, P) if the file says so, names, notes.

    Where several entries with a score belong to one image, the one with the highest score is taken. Entries whose
    images are numbered are sorted by the numbers.
    """
    field = next((name for name in _POSES if all(name in entry for entry in entries)), None)
    if field is None or not entries:
        raise ValueError(f"{path}: its entries have none of the fields {', '.join(_POSES)}")
    notes: list[str] = []
    ids = next(([entry[name] for entry in entries] for name in _IDS if all(name in entry for entry in entries)), None)
    if ids is not None and len(set(ids)) < len(ids) and all("score" in entry for entry in entries):
        best: dict[Any, int] = {}
        for index, (key, entry) in enumerate(zip(ids, entries, strict=True)):
            if key not in best or entry["score"] > entries[best[key]]["score"]:
                best[key] = index
        notes.append(f"{len(ids)} predictions on {len(best)} images: the highest score of each image is taken")
        entries, ids = [entries[index] for index in best.values()], list(best)
    if ids is not None and len(set(ids)) == len(ids) and all(isinstance(key, int) for key in ids):
        rising = sorted(range(len(ids)), key=ids.__getitem__)
        entries, ids = [entries[index] for index in rising], [ids[index] for index in rising]
    poses = np.stack([flat_pose(entry[field], _sizes(protocol), str(path)) for entry in entries])
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


def read_oks_truth(entries: list[dict[str, Any]], content: dict[str, Any], protocol: Protocol, path: Path):
    """COCO's annotations as :class:`LabelledPeople`: several subjects per image, crowds included."""
    if "images" not in content:
        raise ValueError(f"{path} has no list of images: give COCO's annotations, not results, as the ground truth")
    entries = [entry for entry in entries if "keypoints" in entry]
    if not entries:
        raise ValueError(f"{path} has no annotation with keypoints")
    joints = np.stack([flat_pose(entry["keypoints"], _sizes(protocol), str(path)) for entry in entries])
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


def read_detections(entries: list[dict[str, Any]], protocol: Protocol, path: Path) -> Detections:
    """COCO's results as :class:`Detections`."""
    lacking = [name for name in ("image_id", "keypoints", "score") if not all(name in entry for entry in entries)]
    if lacking:
        raise ValueError(f"{path}: an entry lacks {', '.join(lacking)}; COCO's results have image_id, keypoints, score")
    boxes = bool(entries) and bool(entries[0].get("bbox"))
    poses = [flat_pose(entry["keypoints"], _sizes(protocol), str(path))[:, :2] for entry in entries]
    return Detections(
        image=np.array([entry["image_id"] for entry in entries]),
        joints=np.array(poses).reshape(-1, len(protocol.parts), 2),
        scores=np.array([entry["score"] for entry in entries], float),
        areas=np.array([entry["bbox"][2] * entry["bbox"][3] for entry in entries], float) if boxes else None,
    )


def _sizes(protocol: Protocol) -> list[int]:
    return [len(parts) for parts in (protocol.parts, *protocol.layouts)]


def _category_order(content: dict[str, Any], protocol: Protocol, path: Path) -> list[int] | None:
    """How to order the joints where the file names them."""
    named = [category["keypoints"] for category in content.get("categories", []) if category.get("keypoints")]
    return part_order(named[0], protocol, str(path)) if len(named) == 1 else None
