"""COCO's keypoint JSON, read: annotations of people or of any category with any skeleton.

Traps: an annotation of visibility 1 is labelled but hidden, and of 0 not labelled, at (0, 0); exporters that know no
hidden keypoints write 1 for all; crowds stand for several subjects; ``skeleton`` counts keypoints from 1, in many files
from 0; a category may lack the names of its keypoints; ids are numbers or strings, even mixed in one file; keypoints
may be null or empty; results are a bare list without images or categories. Pixels count from 0, as the published
annotations of people do; a box is x, y, width, height.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from ..sides import mirror_pairs
from ..skeleton import COCO, Skeleton
from .annotations import Annotations
from .files import read_json

__all__ = ["LABELLED", "TOP_LEVEL", "VISIBLE", "flat_pose", "read_coco", "recognise_coco"]

LABELLED, VISIBLE = 1, 2  # codes of visibility; 0 is not labelled
TOP_LEVEL = ("images", "annotations", "categories")
_GROUPS = ("video_id", "vid_id", "video", "sequence_id", "sequence", "patient_id", "animal_id", "subject_id")


def recognise_coco(path: Path) -> str | None:
    """What makes a file COCO's annotations, in words; None where nothing does."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return None
    try:
        content = read_json(path)
    except ValueError:
        return None
    if isinstance(content, dict) and all(isinstance(content.get(name), list) for name in TOP_LEVEL):
        return f"read as COCO: it has {', '.join(TOP_LEVEL)}"
    return None


def read_coco(path: str | Path, *, category: str | int | None = None) -> Annotations:
    """Annotated keypoints of one category: of annotations with a labelled keypoint that are no crowd, in file order.

    Parameters
    ----------
    path : path
        JSON with ``images``, ``annotations`` and ``categories``.
    category : str or int, optional
        Name or number; needed where several categories have keypoints.

    Returns
    -------
    Annotations
        `photo_ids` are the numbers of the images. Limbs come from the category's ``skeleton``, left-right pairs from
        the names of its keypoints; keypoints without names are called 1, 2, ... `boxes` has NaN where an annotation
        has no box, `sizes` where an image has no size. `groups` are the videos, where the images name them.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If the file is not of this format, has no keypoints, or several categories have some and none is chosen.
    """
    path = Path(path)
    content = read_json(path)
    lacking = [name for name in TOP_LEVEL if not isinstance(content, dict) or name not in content]
    if lacking:
        raise ValueError(
            f"{path} lacks {', '.join(lacking)}: these are not COCO's annotations (results have no images)"
        )
    notes: list[str] = []
    chosen, own = _category(content, category, path)
    kept = _kept(own, chosen, path, notes)
    skeleton = _skeleton(chosen, kept, path, notes)
    joints = np.stack([_keypoints(one, skeleton, path) for one in kept])
    images = _images(content["images"], kept, path)
    return Annotations(
        path.stem,
        [_file_name(image, path) for image in images],
        np.where(joints[..., 2:] > 0, np.dstack([joints[..., :2], joints[..., 2] > 0]), 0).astype(np.float32),
        skeleton,
        photo_ids=[one["image_id"] for one in kept],
        occluded=_occluded(joints, notes),
        boxes=_boxes(kept),
        groups=_groups(images),
        sizes=np.array([[_number(image.get(side)) for side in ("width", "height")] for image in images]),
        notes=tuple(notes),
    )


def _key(value: Any) -> str:
    """An id as text, whether the file has it as a number or as a string."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else float("nan")


def _has_keypoints(annotation: dict) -> bool:
    values = annotation.get("keypoints")
    return isinstance(values, list) and len(values) > 0


def _category(content: dict, wanted: str | int | None, path: Path) -> tuple[dict, list[dict]]:
    """The category to read, and its annotations."""
    categories = content["categories"]
    annotations: dict[str, list[dict]] = {_key(one.get("id")): [] for one in categories}
    for one in content["annotations"]:
        only = next(iter(annotations)) if len(annotations) == 1 and "category_id" not in one else None
        annotations.setdefault(only or _key(one.get("category_id")), []).append(one)
    with_points = [
        one for one in categories if one.get("keypoints") or any(map(_has_keypoints, annotations[_key(one.get("id"))]))
    ]
    if not with_points and not content["annotations"]:
        raise ValueError(f"{path} has no annotations; export the labels again")
    if not with_points:
        there = sorted({name for one in content["annotations"] for name in ("bbox", "segmentation") if one.get(name)})
        raise ValueError(
            f"{path}: none of its {len(content['annotations'])} annotations has keypoints"
            f"{', only ' + ' and '.join(there) if there else ''}: these label objects, not landmarks; give a file "
            "with keypoints"
        )
    if wanted is not None:
        chosen = [one for one in with_points if str(wanted) in (_key(one.get("id")), one.get("name"))]
    else:
        labelled = [one for one in with_points if any(map(_has_keypoints, annotations[_key(one.get("id"))]))]
        chosen = labelled if len(labelled) == 1 else with_points
    if len(chosen) != 1:
        there = [f"{one.get('name')!r} ({len(annotations[_key(one.get('id'))])})" for one in with_points]
        given = "" if wanted is None else f"; got {wanted!r}"
        raise ValueError(
            f"{path}: give category=..., one of those with keypoints (and annotations): "
            f"{', '.join(there) or 'none'}{given}"
        )
    return chosen[0], annotations[_key(chosen[0].get("id"))]


def _skeleton(category: dict, kept: list[dict], path: Path, notes: list[str]) -> Skeleton:
    name = str(category.get("name", "keypoints"))
    named = category.get("keypoints")
    parts = tuple(str(part) for part in named) if isinstance(named, list) and named else _numbered(kept, path)
    if tuple(part.replace("_", " ") for part in parts) == COCO.parts:
        return COCO
    if not named:
        notes.append(
            f"the category {name!r} does not name its keypoints: they are called 1 to {len(parts)}; to name them, add "
            '"keypoints": ["...", ...] to the category in the file'
        )
    torso = tuple(part for name in ("left shoulder", "right hip") for part in parts if _plain(part) == name)
    try:
        return Skeleton(
            name,
            parts,
            limbs=_limbs(category.get("skeleton"), parts, notes),
            pairs=mirror_pairs(parts),
            reference=(torso[0], torso[1]) if len(torso) == 2 else None,
        )
    except ValueError as error:
        raise ValueError(f"{path}: its category {category.get('name')!r} has no valid skeleton: {error}") from error


def _numbered(kept: list[dict], path: Path) -> tuple[str, ...]:
    lengths = sorted({len(one["keypoints"]) for one in kept})
    if len(lengths) > 1 or lengths[0] % 3:
        raise ValueError(
            f"{path}: its keypoints have no names, and its annotations {' or '.join(map(str, lengths))} numbers, not "
            "three per keypoint"
        )
    return tuple(str(number) for number in range(1, lengths[0] // 3 + 1))


def _limbs(skeleton: Any, parts: tuple[str, ...], notes: list[str]) -> tuple[tuple[int, int], ...]:
    """Limbs by indices from 0; the file counts from 1, or from 0 where a 0 occurs."""
    limbs = [tuple(limb) for limb in skeleton or [] if isinstance(limb, list | tuple) and len(limb) == 2]
    numbers = [end for limb in limbs for end in limb if isinstance(end, int | float)]
    first = 0 if 0 in numbers else 1
    if limbs and first == 0:
        notes.append("the skeleton counts keypoints from 0, not from 1 as COCO does; it is read that way")
    named = {part: index for index, part in enumerate(parts)}
    ends = [tuple(named.get(end, -1) if isinstance(end, str) else int(end) - first for end in limb) for limb in limbs]
    valid = [(a, b) for a, b in ends if a != b and 0 <= a < len(parts) and 0 <= b < len(parts)]
    if any(not 0 <= end < len(parts) for limb in ends for end in limb):
        notes.append(
            f"the skeleton refers to keypoints beyond the {len(parts)} of the category: its limbs are left out"
        )
        return ()
    return tuple(valid)


def _plain(part: str) -> str:
    return part.replace("_", " ").casefold()


def _kept(annotations: list[dict], category: dict, path: Path, notes: list[str]) -> list[dict]:
    """Those with labelled keypoints that are no crowd."""
    if not annotations:
        raise ValueError(f"{path} has no annotation of category {category.get('name')!r}")
    crowds = sum(bool(one.get("iscrowd")) for one in annotations)
    single = [one for one in annotations if not one.get("iscrowd")]
    kept = [one for one in single if _has_keypoints(one) and any(_visibilities(one["keypoints"]))]
    if not kept:
        raise ValueError(f"{path}: none of {len(annotations)} annotations has a labelled keypoint")
    empty = len(annotations) - crowds - len(kept)
    if crowds:
        notes.append(f"{crowds} annotations of crowds are left out")
    if empty:
        notes.append(f"{empty} of {len(annotations)} annotations have no labelled keypoint and are left out")
    return kept


def _visibilities(keypoints: list) -> list:
    """Of a flat list of keypoints, or of a nested one."""
    return [row[2] for row in keypoints if len(row) > 2] if isinstance(keypoints[0], list) else keypoints[2::3]


def _keypoints(annotation: dict, skeleton: Skeleton, path: Path) -> np.ndarray:
    where = f"{path}: annotation {annotation.get('id')}"
    pose = flat_pose(annotation["keypoints"], [skeleton.n_parts], where, columns=(3,))
    pose[~np.isfinite(pose).all(1)] = 0
    return pose.astype(np.float32)


def _images(images: list[dict], kept: list[dict], path: Path) -> list[dict]:
    """The image of each annotation."""
    by_id: dict[str, dict] = {}
    for image in images:
        other = by_id.setdefault(_key(image.get("id")), image)
        if other.get("file_name") != image.get("file_name"):
            raise ValueError(
                f"{path}: two images have the id {image.get('id')!r}: {other.get('file_name')} and "
                f"{image.get('file_name')}; give each its own"
            )
    unknown = [one["image_id"] for one in kept if _key(one["image_id"]) not in by_id]
    if unknown:
        raise ValueError(f"{path}: image {unknown[0]} has annotations but is not in its list of images")
    return [by_id[_key(one["image_id"])] for one in kept]


def _file_name(image: dict, path: Path) -> str:
    if not image.get("file_name"):
        raise ValueError(f"{path}: image {image.get('id')} has no file_name; it has {', '.join(image)}")
    return str(image["file_name"])


def _occluded(joints: np.ndarray, notes: list[str]) -> np.ndarray | None:
    hidden = joints[..., 2] == LABELLED
    if (hidden == (joints[..., 2] > 0)).all():
        notes.append(
            "every labelled keypoint has visibility 1, hidden: the file does not tell hidden ones from visible ones"
        )
        return None
    return hidden


def _groups(images: list[dict]) -> list[str] | None:
    name = next((name for name in _GROUPS if all(image.get(name) not in (None, "") for image in images)), None)
    return None if name is None else [_key(image[name]) for image in images]


def _boxes(kept: list[dict]) -> np.ndarray | None:
    boxes = np.full((len(kept), 4), np.nan)
    for index, one in enumerate(kept):
        box = one.get("bbox")
        if isinstance(box, list) and len(box) == 4 and None not in box and box[2] > 0 and box[3] > 0:
            boxes[index] = box
    return boxes if np.isfinite(boxes).any() else None


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
