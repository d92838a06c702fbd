"""Label Studio's JSON and JSON-MIN: key points in percent of the photo.

Traps:

- coordinates are percentages of the photo's width and height, counted from its *corner* (100 is the far edge): they are
  multiplied by the size in the file, and half a pixel is subtracted;
- uploaded photos have a hash before their name (``/data/upload/1/1a2b3c4d-photo.jpg``), others a storage's address;
- a task has one entry per annotator, cancelled ones among them; predictions of a model are no labels;
- several subjects of one photo are told apart only if the points belong to a rectangle (``parentID``, or a relation);
- JSON-MIN has neither the rectangles' identity nor cancelled entries, and one record per annotator;
- photos turned in the tool (``image_rotation``): coordinates and size remain those of the unturned photo;
- the browser turns photos by their EXIF orientation, so labels fit photos that are turned upright.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .annotations import Annotations
from .files import begins_with, read_json
from .label_studio_names import file_names, photo_address
from .labelled_points import GROUP_KEYS, LabelledPoint, LabelledSubject, assemble, is_true

__all__ = ["read_label_studio", "recognise_label_studio"]

_KEYS = re.compile(r'"(keypointlabels|annotations|completions|original_width)"\s*:')
_SEVERAL = "draw a rectangle for each subject and make its points belong to it (drag them below it in the outliner)"
_OTHER_SHAPES = ("brushlabels", "polygonlabels", "ellipselabels", "vectorlabels", "bitmasklabels")


@dataclass
class _Entry:
    """One annotator's labels of one photo."""

    data: dict[str, Any]
    results: list[dict[str, Any]]
    annotator: str
    where: str


def recognise_label_studio(path: Path) -> str | None:
    """What makes a JSON file Label Studio's, in words; None where nothing does."""
    path = Path(path)
    if path.suffix.lower() != ".json" or not _KEYS.search(begins_with(path)):
        return None
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return None
    tasks = content if isinstance(content, list) else [content]
    if not tasks or not all(isinstance(task, dict) for task in tasks[:1]):
        return None
    if isinstance(tasks[0].get("data"), dict) and ("annotations" in tasks[0] or "completions" in tasks[0]):
        return "read as Label Studio: tasks with data and annotations"
    return "read as Label Studio (JSON-MIN): records with keypointlabels" if any(map(_is_minimal, tasks)) else None


def read_label_studio(
    path: str | Path,
    *,
    annotator: str | int | None = None,
    images: str | Path | None = None,
    first_pixel: float = 0.5,
) -> Annotations:
    """Labelled key points of an export.

    Parameters
    ----------
    path : path
        JSON or JSON-MIN.
    annotator : str or int, optional
        Whose labels: number or e-mail address. By default, of each photo the first entry that is not cancelled.
    images : path, optional
        Folder of the photos, if it is not that of the file or ``images`` in it; tells whether names have their hash.
    first_pixel : float, default=0.5
        Coordinate of the middle of the first pixel: 0.5 as the tool draws, 0 for labels imported from pixel numbers.

    Returns
    -------
    Annotations
        One subject per rectangle that has points, or else per photo; the only rectangle of a photo is the box of its
        only subject. `groups` are the values of a column video, animal, patient, ... of the tasks.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not of this format, has no labels but predictions, the annotator is unknown, or a photo's size
        is not given.
    """
    path = Path(path)
    content = read_json(path)
    tasks = content if isinstance(content, list) else [content]
    if not all(isinstance(task, dict) for task in tasks):
        raise ValueError(f"{path} is not Label Studio's: it is no list of tasks")
    notes: list[str] = []
    entries = _entries(tasks, None if annotator is None else str(annotator), path, notes)
    names = file_names([photo_address(entry.data, path, entry.where) for entry in entries], path, images, notes)
    left_out: Counter[str] = Counter()
    subjects = []
    for entry, name in zip(entries, names, strict=True):
        found = _subjects(entry, path, first_pixel, left_out)
        group = next((str(entry.data[key]) for key in GROUP_KEYS if entry.data.get(key) not in (None, "")), "")
        for subject in found:
            subject.photo, subject.group = name, group
        subjects += found
    notes += [f"{what}: {times}" for what, times in left_out.items()]
    return assemble(path.stem, subjects, path, notes=notes, several=_SEVERAL)


def _is_minimal(record) -> bool:
    return isinstance(record, dict) and any(_points_of(value) for value in record.values())


def _points_of(value) -> list[dict[str, Any]]:
    """The points in a column of JSON-MIN."""
    if not isinstance(value, list):
        return []
    return [each for each in value if isinstance(each, dict) and "keypointlabels" in each]


def _entries(tasks: list[dict[str, Any]], annotator: str | None, path: Path, notes: list[str]) -> list[_Entry]:
    """One entry per photo."""
    offered = [_offered(task, number, path) for number, task in enumerate(tasks, 1)]
    if all("annotations" not in task and "completions" not in task for task in tasks):
        offered = _joined_records([entry for entries in offered for entry in entries])
    known = sorted({entry.annotator for entries in offered for entry in entries if entry.annotator})
    if annotator is not None:
        if annotator not in known:
            raise ValueError(f"{path} has no annotator {annotator!r}; it has {', '.join(known) or 'no names'}")
        offered = [[entry for entry in entries if entry.annotator == annotator] for entries in offered]
    several = [entries for entries in offered if len(entries) > 1]
    if several:
        whose = f"; annotator=... chooses one of {', '.join(known)}" if len(known) > 1 and annotator is None else ""
        notes.append(f"{len(several)} photos have several annotations: the first is taken{whose}")
    chosen = [entries[0] for entries in offered if entries]
    if not any(_is_point(result) for entry in chosen for result in entry.results):
        predicted = sum(bool(task.get("predictions")) for task in tasks)
        why = f"only predictions of a model ({predicted} photos), which are no labels" if predicted else "no key points"
        raise ValueError(f"{path} has {why}; label with KeyPointLabels, submit, and export JSON")
    if len(chosen) < len(offered) and annotator is None:
        notes.append(f"{len(offered) - len(chosen)} photos without an annotation, or with cancelled ones, are left out")
    return chosen


def _offered(task: dict[str, Any], number: int, path: Path) -> list[_Entry]:
    """The entries of a task that are not cancelled, or the one of a record of JSON-MIN."""
    where = f"task {task.get('id', number)}"
    saved = task.get("annotations", task.get("completions"))
    if saved is None:
        results = [
            {"value": each, "type": "rectanglelabels" if "rectanglelabels" in each else "keypointlabels", **each}
            for value in task.values()
            if isinstance(value, list)
            for each in value
            if isinstance(each, dict) and ("keypointlabels" in each or "rectanglelabels" in each)
        ]
        return [_Entry(task, results, _who(task.get("annotator")), where)]
    if not isinstance(saved, list) or not isinstance(task.get("data"), dict):
        raise ValueError(f"{path}: {where} is not Label Studio's: it needs data and a list of annotations")
    return [
        _Entry(task["data"], _results(each, path, where), _who(each.get("completed_by")), where)
        for each in saved
        if isinstance(each, dict) and not (each.get("was_cancelled") or each.get("skipped"))
    ]


def _joined_records(entries: list[_Entry]) -> list[list[_Entry]]:
    """Records of JSON-MIN, those of one photo together: there is one per annotator."""
    photos: dict[Any, list[_Entry]] = {}
    for number, entry in enumerate(entries):
        photos.setdefault(entry.data.get("id", f"record {number}"), []).append(entry)
    return list(photos.values())


def _results(annotation: dict[str, Any], path: Path, where: str) -> list[dict[str, Any]]:
    results = annotation.get("result")
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise ValueError(f"{path}: an annotation of {where} has no list of results")
    return results


def _who(annotator) -> str:
    if isinstance(annotator, dict):
        annotator = annotator.get("email") or annotator.get("id")
    return "" if annotator is None else str(annotator)


def _is_point(result: dict[str, Any]) -> bool:
    return bool(_label(result))


def _label(result: dict[str, Any]) -> str:
    """The part of a point: of KeyPointLabels, or of Labels on a KeyPoint; empty for other results."""
    value = result.get("value")
    if not isinstance(value, dict) or "x" not in value or "y" not in value:
        return ""
    labels = value.get("keypointlabels") or ([] if "height" in value or "radiusX" in value else value.get("labels"))
    return str(labels[0]) if isinstance(labels, list) and labels else ""


def _subjects(entry: _Entry, path: Path, first_pixel: float, left_out: Counter[str]) -> list[LabelledSubject]:
    """The subjects of one photo, without its name."""
    owners = _owners(entry.results)
    boxes: dict[str, tuple[float, float, float, float]] = {}
    subjects: dict[str, LabelledSubject] = {}
    for result in entry.results:
        value = result.get("value")
        if isinstance(value, dict) and result.get("type") in ("rectanglelabels", "rectangle") and "width" in value:
            if value.get("rotation"):
                left_out["turned rectangles, which are no bounding boxes, are left out"] += 1
            else:
                boxes[str(result.get("id", len(boxes)))] = _box(result, path, entry.where)
        elif label := _label(result):
            if result.get("image_rotation"):
                left_out["points on photos that were turned in the tool, read as on the unturned photo"] += 1
            width, height = _size(result, path, entry.where)
            x, y = (float(result["value"][axis]) for axis in "xy")
            hidden = is_true(result["value"].get("hidden", False))
            point = LabelledPoint(label, x / 100 * width - first_pixel, y / 100 * height - first_pixel, hidden)
            owner = owners.get(str(result.get("id")), "")
            subjects.setdefault(owner, LabelledSubject("", size=(width, height))).points.append(point)
        elif result.get("type") in _OTHER_SHAPES:
            left_out[f"shapes that are no points are left out ({result['type'].removesuffix('labels')})"] += 1
    loose = subjects.get("")
    if loose is not None and len(subjects) > 1:
        del subjects[""]
        if len(subjects) == 1:
            next(iter(subjects.values())).points += loose.points
        else:
            left_out["points that belong to none of several rectangles are left out"] += len(loose.points)
    for owner, subject in subjects.items():
        subject.box = boxes.get(owner) or (next(iter(boxes.values())) if len(subjects) == len(boxes) == 1 else None)
    if not subjects:
        left_out["photos without a point are left out"] += 1
    return list(subjects.values())


def _owners(results: list[dict[str, Any]]) -> dict[str, str]:
    """Which rectangle each point belongs to, by their ids."""
    boxes = {str(each.get("id")) for each in results if each.get("type") in ("rectanglelabels", "rectangle")}
    owners = {str(each.get("id")): str(each["parentID"]) for each in results if each.get("parentID")}
    for each in results:
        ends = str(each.get("from_id")), str(each.get("to_id"))
        if each.get("type") == "relation":
            owners |= {one: other for one, other in (ends, ends[::-1]) if other in boxes and one not in boxes}
    return {point: owner for point, owner in owners.items() if owner in boxes}


def _size(result: dict[str, Any], path: Path, where: str) -> tuple[float, float]:
    size = result.get("original_width"), result.get("original_height")
    if not all(isinstance(side, int | float) and side > 0 for side in size):
        raise ValueError(
            f"{path}: {where} gives percentages but not the size of its photo (original_width, original_height); "
            "export JSON from a recent Label Studio, or add them"
        )
    return float(size[0] or 0), float(size[1] or 0)


def _box(result: dict[str, Any], path: Path, where: str) -> tuple[float, float, float, float]:
    """x, y of the first pixel, which begins at the rectangle's corner, and the size."""
    width, height = _size(result, path, where)
    value = result["value"]
    x, y, w, h = (float(value.get(name, "nan")) / 100 for name in ("x", "y", "width", "height"))
    return x * width, y * height, w * width, h * height
