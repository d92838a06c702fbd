"""labelme's JSON files, one per photo: points whose labels are the names of parts.

Traps:

- coordinates count from the photo's top left *corner*: labelme draws the first pixel from 0 to 1, so a click into its
  middle is stored as 0.5. The reader subtracts this half pixel and the writer adds it; files by scripts may hold pixel
  numbers instead, and are half a pixel off unless ``first_pixel=0`` says so;
- ``imagePath`` is relative to the JSON file, may have backslashes, and beside it may lie a file of another type; the
  photo may be in the JSON file itself (``imageData``), and then nowhere else;
- labels are typed: ``ear`` and ``Ear`` are two parts, and a part may be labelled twice or forgotten;
- subjects of one photo are told apart by ``group_id`` only;
- labelme turns photos by their EXIF orientation before it shows them (since version 3.3), so labels fit photos that
  are turned upright, and the size in the file is that of the turned photo.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from pathlib import Path
from typing import Any

from ..photos import reference
from .annotations import Annotations
from .files import begins_with, read_json
from .folders import PHOTO_TYPES
from .labelled_points import LabelledPoint, LabelledSubject, assemble, is_true, natural_key
from .labelme_writer import LABELS, write_labelme
from .photo_files import find_photo

__all__ = ["read_labelme", "recognise_labelme", "write_labelme"]

_KEYS = re.compile(r'"(shapes|imagePath|imageData)"\s*:')
_HIDDEN = ("occluded", "hidden", "invisible")  # flags of a shape
_TRIED = 20  # files of a folder that are looked at to recognise it
_NOT_LABELS = {"__ignore__", "_background_"}
_SEVERAL = "give each subject of a photo its own group_id (Edit Label, Group ID)"


def recognise_labelme(path: Path) -> str | None:
    """What makes a JSON file, or a folder of them, labelme's, in words; None where nothing does."""
    path = Path(path)
    if path.is_dir():
        files = _json_files(path)
        seen = sum(_is_labelme(file) for file in files[:_TRIED])
        return f"read as labelme: {seen} of the first {len(files[:_TRIED])} JSON files have shapes" if seen else None
    return "read as labelme: shapes and imagePath" if _is_labelme(path) else None


def read_labelme(path: str | Path, *, images: str | Path | None = None, first_pixel: float = 0.5) -> Annotations:
    """Labelled points of a folder of JSON files, with its subfolders, or of one file.

    Parameters
    ----------
    path : path
    images : path, optional
        Folder of the photos, if they are not where the files say; tells whether an embedded picture is needed.
    first_pixel : float, default=0.5
        Coordinate of the middle of the first pixel: 0.5 as labelme draws, 0 in files that hold pixel numbers.

    Returns
    -------
    Annotations
        One subject per ``group_id`` of each photo, those without a point left out. Photos are named relative to
        `path`; ``x.json#picture`` stands for one that is only in its JSON file. A rectangle is the bounding box of the
        subject with its ``group_id``, or of the only subject of its photo. A point with the flag ``occluded`` is
        occluded.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If no file is of this format, one is damaged, or most subjects have parts several times.
    """
    path = Path(path)
    files = _json_files(path) if path.is_dir() else [path]
    root = path if path.is_dir() else path.parent
    subjects: list[LabelledSubject] = []
    left_out: Counter[str] = Counter()
    n_others = 0
    for file in files:
        content = _content_of_any(file) if path.is_dir() else _content(file)
        if content is None:
            n_others += 1
            continue
        found = _subjects(content, file, first_pixel, left_out)
        photo = _photo_name(file, content, root, images, left_out)
        for subject in found:
            subject.photo = photo
        subjects += found
    if n_others == len(files):
        raise ValueError(f"{path} holds no JSON file of labelme (with shapes and imagePath)")
    notes = [f"{n_others} JSON files of {path.name} are not labelme's and are left out"] if n_others else []
    notes += [f"{what}: {times}" for what, times in left_out.items()]
    return assemble(root.name or "labelme", subjects, path, parts=_label_list(root), notes=notes, several=_SEVERAL)


def _json_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.json"), key=lambda file: natural_key(file.relative_to(folder).as_posix()))


def _is_labelme(file: Path) -> bool:
    if file.suffix.lower() != ".json":
        return False
    try:
        return _content_of_any(file) is not None
    except (OSError, ValueError):  # a damaged file is named when it is read
        return True


def _content_of_any(file: Path) -> dict[str, Any] | None:
    """What a JSON file holds; None if it is not labelme's. ValueError if one that seems to be is damaged."""
    start = begins_with(file)
    if not _KEYS.search(start):
        return None
    try:
        content = read_json(file)
    except ValueError:
        if '"shapes"' in start:
            raise
        return None
    return content if _has_shapes(content) else None


def _has_shapes(content) -> bool:
    return isinstance(content, dict) and isinstance(content.get("shapes"), list) and "imagePath" in content


def _content(file: Path) -> dict[str, Any]:
    content = read_json(file)
    if not _has_shapes(content):
        raise ValueError(f"{file} is not labelme's: it needs a list of shapes and imagePath")
    return content


def _subjects(content: dict[str, Any], file: Path, first_pixel: float, left_out: Counter[str]) -> list[LabelledSubject]:
    """The subjects of one photo, without its name: one per group_id."""
    size = tuple(_number(content.get(name)) for name in ("imageWidth", "imageHeight"))
    points: dict[Any, list[LabelledPoint]] = {}
    boxes: list[tuple[Any, tuple[float, float, float, float]]] = []
    for shape in content["shapes"]:
        kind = shape.get("shape_type") or "polygon" if isinstance(shape, dict) else None
        group = shape.get("group_id") if isinstance(shape, dict) else None
        if kind == "point":
            points.setdefault(group, []).append(_point(shape, file, first_pixel))
        elif kind == "rectangle":
            boxes.append((group, _box(shape, file)))
        elif kind is None:
            raise ValueError(f"{file}: a shape is {shape!r}, not an object with a label and points")
        else:
            left_out[f"shapes that are no points are left out ({kind})"] += 1
    if not points:
        left_out["files without a point"] += 1
    subjects = {group: LabelledSubject("", found, size=(size[0], size[1])) for group, found in points.items()}
    for group, box in boxes:
        owner = subjects.get(group) or (next(iter(subjects.values())) if len(subjects) == len(boxes) == 1 else None)
        if owner is None or owner.box is not None:
            left_out["rectangles that are no subject's (by group_id) are left out"] += 1
        else:
            owner.box = box
    return list(subjects.values())


def _point(shape: dict[str, Any], file: Path, first_pixel: float) -> LabelledPoint:
    label = shape.get("label")
    if not isinstance(label, str) or not label.strip():
        raise ValueError(f"{file}: a point has the label {label!r}; it must name a part")
    ((x, y),) = _coordinates(shape, file, 1)
    flags = shape.get("flags") or {}
    hidden = any(is_true(flags.get(name)) for name in _HIDDEN) if isinstance(flags, dict) else False
    return LabelledPoint(label.strip(), x - first_pixel, y - first_pixel, hidden)


def _box(shape: dict[str, Any], file: Path) -> tuple[float, float, float, float]:
    """x, y of the first pixel, which begins at the rectangle's corner, and the size."""
    (x1, y1), (x2, y2) = _coordinates(shape, file, 2)
    return min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1)


def _coordinates(shape: dict[str, Any], file: Path, count: int) -> list[tuple[float, float]]:
    points = shape.get("points")
    try:
        found = [(float(x), float(y)) for x, y in points or []]
    except (TypeError, ValueError):
        found = []
    if len(found) != count:
        kind = shape.get("shape_type")
        raise ValueError(
            f"{file}: the {kind} {shape.get('label')!r} has the points {points!r}, not {count} pairs of x and y"
        )
    return found


def _number(value) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else float("nan")


def _photo_name(
    file: Path, content: dict[str, Any], root: Path, images: str | Path | None, left_out: Counter[str]
) -> str:
    """The photo relative to the root: as the file says, of another type, or the embedded picture."""
    said = str(content["imagePath"] or "").replace("\\", "/")
    folder = file.parent.relative_to(root).as_posix()
    name = posixpath.normpath(posixpath.join(folder, said)) if said else ""
    if said and ((file.parent / said).is_file() or (images is not None and find_photo(images, said))):
        return name
    other = _of_another_type([file.parent / (said or file.name), *([] if images is None else [Path(images, said)])])
    if other is not None:
        left_out[f"photos of another type than imagePath says ({other.suffix} for {Path(said).suffix or 'none'})"] += 1
        return posixpath.normpath(posixpath.join(folder, posixpath.dirname(said), other.name))
    if content.get("imageData"):
        left_out["photos that are only in their JSON files (imageData)"] += 1
        near = images is None or file.resolve().is_relative_to(Path(images).resolve())
        return reference(file.relative_to(root).as_posix() if near else file.resolve().as_posix(), picture=True)
    if not said:
        raise ValueError(f"{file} names no photo (imagePath is empty) and embeds none (imageData)")
    return name


def _of_another_type(named: list[Path]) -> Path | None:
    """The only photo with the same stem in the same folder as one of these."""
    for path in named:
        if path.parent.is_dir():
            found = [each for each in path.parent.iterdir() if each.suffix.lower() in PHOTO_TYPES]
            alike = [each for each in found if each.stem == path.stem]
            if alike:
                return alike[0] if len(alike) == 1 else None
    return None


def _label_list(folder: Path) -> list[str]:
    """The labels in the order of labels.txt; none without that file."""
    file = folder / LABELS
    if not file.is_file():
        return []
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return []
    return [line.strip() for line in lines if line.strip() and line.strip() not in _NOT_LABELS]
