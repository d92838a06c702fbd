"""COCO's keypoint JSON, written: annotations, and results for evaluation servers.

Traps: joints that are not labelled are three zeros; results have no missing keypoints, and every number is finite.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from .._utils.replacing import replacing
from ..photos import photo_size
from .coco import LABELLED, VISIBLE
from .written import bare_names, enclosing_boxes, lost, photo_files

__all__ = ["write_coco", "write_coco_results"]


def write_coco(path: str | Path, dataset, *, images: str | Path | None = None) -> list[str]:
    """Write a data set as COCO's annotations.

    Parameters
    ----------
    path : path
    dataset : PoseDataset
        With photos in files.
    images : path, optional
        Folder that the written names are relative to; by default the file names are written, with the folders that
        tell them apart.

    Returns
    -------
    list of str
        What the file does not hold.

    Raises
    ------
    ValueError
        If a photo is an array, or not below `images`.

    Notes
    -----
    Bounding boxes are those of the data set, otherwise of the labelled joints, and areas those of the boxes. Groups are
    the ``video`` of the images. Masks and licences are not written.
    """
    photos, names = photo_files(dataset, "annotations"), bare_names(dataset, images)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names), 1)}
    boxes = enclosing_boxes(dataset)
    entries = []
    for index, name in enumerate(names):
        joints = dataset.joints[index]
        codes = np.where(joints[:, 2] > 0, VISIBLE, 0)
        if dataset.occluded is not None:
            codes[(codes > 0) & dataset.occluded[index]] = LABELLED
        box = [round(value, 3) for value in boxes[index].tolist()]
        entries.append(
            {
                "id": index + 1,
                "image_id": numbers[name],
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
        "name": dataset.skeleton.name,
        "keypoints": list(dataset.skeleton.parts),
        "skeleton": [[first + 1, second + 1] for first, second in dataset.skeleton.limbs],
    }
    groups = _groups(dataset, names)
    listed = []
    for name, photo in dict(zip(names, photos, strict=True)).items():
        width, height = photo_size(photo)
        listed.append({"id": numbers[name], "file_name": name, "width": width, "height": height})
        if groups:
            listed[-1]["video"] = groups[name]
    _write({"images": listed, "annotations": entries, "categories": [category]}, Path(path))
    held = ("occluded", "boxes", "limbs", *(["groups"] if groups else []))
    notes = lost(dataset, "COCO's file", held=held)
    if dataset.boxes is None:
        notes.append("the boxes in the file are those of the labelled joints: the data set has none")
    return notes


def _groups(dataset, names: list[str]) -> dict[str, str]:
    """The group of each photo; nothing where its subjects have several."""
    if dataset.groups is None:
        return {}
    groups: dict[str, str] = {}
    for name, group in zip(names, dataset.groups, strict=True):
        if groups.setdefault(name, str(group)) != str(group):
            return {}
    return groups


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
        Belief in each joint, or the score of each subject; a subject's score is the mean over its joints.
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


def _number(value):
    return value.item() if isinstance(value, np.generic) else value


def _flat(points: np.ndarray, third: np.ndarray) -> list:
    """x, y, third, x, y, third, ...; three zeros where a code says "not labelled"."""
    labelled = third > 0 if third.dtype.kind == "i" else np.ones(len(third), bool)
    rows = [[round(float(x), 3), round(float(y), 3), round(third[i].item(), 5)] if labelled[i] else [0, 0, 0]
            for i, (x, y) in enumerate(points)]  # fmt: skip
    return [value for row in rows for value in row]


def _write(content, path: Path) -> None:
    text = json.dumps(content, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
